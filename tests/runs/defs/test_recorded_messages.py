"""The recorded messages are those of a run of today."""

from __future__ import annotations

import json
import os

import pytest

from tests.homes import Home
from tests.recorded_messages import RECORDED, messages_of_a_run, recorded_messages


@pytest.mark.spark
def test_the_recorded_messages_are_those_of_a_run(sample_home: Home) -> None:
    messages = messages_of_a_run(sample_home)
    if os.environ.get("ORCH_REFRESH_GOLDEN"):
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        RECORDED.write_text(lines, encoding="utf-8", newline="\n")
    assert messages == recorded_messages()
