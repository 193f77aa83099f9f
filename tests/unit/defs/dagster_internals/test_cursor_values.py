"""Texts by key, which outlive the process that wrote them."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.cursor_values import (
    read_cursor_values,
    write_cursor_value,
)


def test_a_text_is_there_for_another_instance(stored: DagsterInstance, instance_home: Path) -> None:
    write_cursor_value(stored, "one", "first")
    write_cursor_value(stored, "one", "second")
    write_cursor_value(stored, "two", "")
    with DagsterInstance.local_temp(str(instance_home)) as other:
        assert read_cursor_values(other, ["one", "two", "three"]) == {"one": "second", "two": ""}


def test_no_keys_have_no_texts(instance: DagsterInstance) -> None:
    assert read_cursor_values(instance, []) == {}
