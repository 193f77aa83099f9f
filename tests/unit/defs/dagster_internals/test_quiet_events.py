"""Events that can't be written: a line of a log is dropped, an event of Dagster's ends the run."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from orch_dagster.defs.dagster_internals.quiet_events import quiet_events


@dg.op
def speaks(context) -> None:
    context.log.info("a line")


JOB = dg.GraphDefinition("speaking", node_defs=[speaks]).to_job()


def run(monkeypatch: pytest.MonkeyPatch, *, breaks_events: bool, breaks_lines: bool) -> list[str]:
    """Run the job; return the messages that were written."""
    written: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        real = instance.handle_new_event

        def handle(event: Any, **more: Any) -> None:
            is_end = event.dagster_event_type == dg.DagsterEventType.STEP_SUCCESS
            if (breaks_lines and not event.dagster_event) or (breaks_events and is_end):
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
            written.append(event.message)
            real(event, **more)

        monkeypatch.setattr(instance, "handle_new_event", handle)
        quiet_events(instance)
        assert JOB.execute_in_process(instance=instance).success
    return written


def test_all_is_written_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    written = run(monkeypatch, breaks_events=False, breaks_lines=False)
    assert any("a line" in message for message in written)
    assert any("Finished execution" in message for message in written)


def test_a_line_that_cannot_be_written_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written = run(monkeypatch, breaks_events=False, breaks_lines=True)
    assert not any("a line" in message for message in written)
    assert "Exception while" not in capfd.readouterr().err


def test_an_event_that_cannot_be_written_is_raised(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OperationalError, match="disk is full"):
        run(monkeypatch, breaks_events=True, breaks_lines=False)
    assert "Exception while" not in capfd.readouterr().err
