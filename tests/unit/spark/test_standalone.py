"""Whether a standalone master listens, with sockets in the place of masters."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence

import pytest

from orch_dagster.spark.standalone import away_master


def test_of_several_masters_one_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        here, gone = (f"127.0.0.1:{each.getsockname()[1]}" for each in (server, unused))
        never = threading.Event()
        assert away_master(f"spark://{gone},{here}", never, within_s=0) is None
        assert away_master(f"spark://{gone}", never, within_s=0) == (
            f"no Spark master answered within 0 seconds: {gone} (Connection refused); look whether "
            "it runs, and whether spark.master names it"
        )


def test_a_master_that_comes_back_is_waited_for() -> None:
    answers = iter(({"a:1": "Connection refused"}, {"a:1": None}))

    def ask(addresses: Sequence[str]) -> Mapping[str, str | None]:
        assert addresses == ["a:1"]
        return next(answers)

    assert away_master("spark://a:1", threading.Event(), within_s=60, ask=ask) is None
    assert next(answers, None) is None


@pytest.mark.parametrize("master", ["local[2]", "yarn", "k8s://https://a:1", ""])
def test_other_masters_are_not_asked(master: str) -> None:
    assert away_master(master, threading.Event(), ask=lambda _: {"a:1": "no"}) is None


def test_a_request_to_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    assert away_master("spark://a:1", stop, ask=lambda _: {"a:1": "no"}) is None
