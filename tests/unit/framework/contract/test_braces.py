"""Braces multiply: few characters stand for more patterns than can be tried."""

from __future__ import annotations

import pytest

from framework.contract.braces import braces_fault
from framework.storage.patterns import alternatives
from tests.both_sides import faults_of_apply, faults_of_run

BAD = ["{a,b}" * 10, "{a}" * 51, "{{a,b},{c,d}}" * 6, "{" + "a," * 1_000 + "b}"]


@pytest.mark.parametrize("pattern", BAD)
def test_braces_that_stand_for_too_much_are_refused(pattern: str) -> None:
    fault = braces_fault(f"in/{pattern}.csv")
    assert fault is not None
    assert "1,000" in fault or "50" in fault
    assert len(fault) < 150


@pytest.mark.parametrize(
    "pattern", ["", "{", "}", "a,b", "{a,b}", r"\{a,b\}" * 20, "{{a,b},c}" * 3]
)
def test_others_are_taken_and_are_no_more_than_that(pattern: str) -> None:
    assert braces_fault(pattern) is None
    assert len(list(alternatives(pattern))) <= 1_000


@pytest.mark.parametrize("key", ["path", "options.pathGlobFilter"])
def test_apply_and_a_run_refuse_the_same(key: str) -> None:
    # Doubled, as single braces of a path are placeholders.
    path = "in/" + "{{a,b}}" * 30 if key == "path" else "in/{biz_dt}"
    options = {} if key == "path" else {"pathGlobFilter": "{a,b}" * 30}
    source = {"format": "json", "path": path, "options": options}
    context = {
        "entity": "E", "source_system": "S", "sources": [source],
        "sinks": [{"format": "orc", "path": "out/{biz_dt}"}],
    }  # fmt: skip
    (fault,) = faults_of_apply(context, "/data")
    assert fault.startswith(f"sources[0].{key}: its braces stand for ")
    assert fault in faults_of_run(context, "/data", None)
