"""Kudu's statuses to our errors; the texts are those that the clients said on a real cluster."""

from __future__ import annotations

import pytest

from orch_dagster.control.kudu.errors import explained
from orch_dagster.control.kudu.probe import Answer, Probed
from orch_dagster.errors import PermanentStoreError, TransientStoreError

NEGOTIATION = (
    "Could not connect to the cluster: Client connection negotiation failed: client connection to"
)


@pytest.mark.parametrize(
    "text",
    [
        "Timed out: cannot complete before timeout",
        "Service unavailable: Couldn't find a valid master in (a:7051). Couldn't resolve this "
        "master's address a:7051",
        "Network error: Could not connect to the cluster: unable to resolve address for a: Name "
        "or service not known",
        f"Timed out: {NEGOTIATION} 127.0.0.1:9: connect: Connection refused (error 111)",
    ],
)
def test_worth_another_try(text: str) -> None:
    error = explained(text, "kudu://a:7051", "job_master")

    assert isinstance(error, TransientStoreError)
    assert error.table == "job_master"
    assert text in str(error)
    assert "orch doctor" in str(error)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('Not found: the table does not exist: table_name: "zz"', "orch init"),
        ("Not found: table job_master was deleted: Table deleted at 2026-11-25", "orch init"),
        (f"Not authorized: {NEGOTIATION} 127.0.0.1:1: FATAL_UNAUTHORIZED", "docs/kudu.md"),
        (
            "Service unavailable: Couldn't find a valid master in (a:7051). client requires "
            "authentication, but server does not have Kerberos enabled",
            "docs/kudu.md",
        ),
        ("Invalid argument: encoded primary key too large", "repair or rename it"),
        ("Illegal state: this process was forked from 12", "repair or rename it"),
        ("Corruption: x", "repair or rename it"),
        ("something that Kudu never said before", "something that Kudu never said before"),
    ],
)
def test_another_try_gives_the_same(text: str, remedy: str) -> None:
    error = explained(text, "kudu://a:7051", None)

    assert isinstance(error, PermanentStoreError)
    assert remedy in str(error)


def test_a_row_in_the_message_decides_nothing() -> None:
    error = explained(
        "Timed out: cannot complete before timeout",
        "kudu://a:7051",
        "sys_params",
        detail=' (string param_key="SASL, Not found: and Not authorized")',
    )

    assert isinstance(error, TransientStoreError)
    assert "SASL" in str(error)


def test_the_masters_sockets_say_what_the_client_does_not() -> None:
    error = explained(
        "Timed out: cannot complete before timeout",
        "kudu://a:1,b:2",
        None,
        probe=lambda: [Probed("a:1", Answer.KUDU), Probed("b:2", Answer.REFUSED)],
    )

    assert isinstance(error, TransientStoreError)
    assert "(b:2: nothing listens there)" in str(error)
    assert "a:1:" not in str(error)


def test_a_refused_login_is_not_tried_again() -> None:
    error = explained(
        "Timed out: cannot complete before timeout",
        "kudu://a:1",
        None,
        probe=lambda: [Probed("a:1", Answer.UNAUTHORIZED)],
    )

    assert isinstance(error, PermanentStoreError)
    assert "docs/kudu.md" in str(error)


def test_sockets_are_asked_only_where_the_client_had_no_answer() -> None:
    def probe() -> list[Probed]:
        raise AssertionError("asked")

    explained("Not found: the table does not exist", "kudu://a:1", None, probe=probe)
