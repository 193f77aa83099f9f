from __future__ import annotations

import json
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from framework.errors import ParamsError
from framework.params_loader import load_params, parse_params
from tests.samples import document


def test_values_are_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "params.json"
    file.write_text(json.dumps(document(timeout_minutes=5, allow_empty=True)), encoding="utf-8")
    monkeypatch.setenv("JOB_PARAMS_FILE", str(file))
    params = load_params()
    assert (params.job_id, params.job_name, params.biz_dt) == ("7", "job", date(2024, 5, 15))
    assert params.biz_dts == (date(2024, 5, 15),)
    assert params.sources[0].options == {"header": "true"}
    assert params.sinks[0].partition_cols == ("biz_dt",)
    assert (params.timeout_minutes, params.allow_empty) == (5.0, True)
    window = params.window(date(2024, 5, 15))
    assert window
    assert window.start_dt == date(2024, 5, 1)
    assert window.end_dt == datetime(2024, 5, 14, 23, 59, 59, tzinfo=timezone.utc)
    assert params.window(date(2024, 5, 16)) is None
    assert params.raw["job_master"]["script_path"] == "job.py"


def test_entity_comes_from_process_control_where_the_job_has_none() -> None:
    params = parse_params(document(entity=None, source_system=None), "p.json")
    assert (params.entity, params.source_system) == ("INS", "SYS")


def test_table_sinks_append() -> None:
    sinks = [{"format": "kudu", "path": "impala::db.t", "options": {"kudu.master": "m:7051"}}]
    (sink,) = parse_params(document(sinks=sinks), "p.json").sinks
    assert (sink.mode, sink.is_table) == ("append", True)


def test_a_table_that_the_options_name_needs_no_path() -> None:
    sources = [{"format": "jdbc", "options": {"query": "SELECT 1"}}]
    sinks = [{"format": "kudu", "options": {"kudu.table": "t"}}]
    params = parse_params(document(sources=sources, sinks=sinks), "p.json")
    assert (params.sources[0].path, params.sinks[0].path) == ("", "")


@pytest.mark.parametrize("format", ["jdbc", "csv"])
def test_a_source_that_nothing_names_is_a_problem(format: str) -> None:
    sources = [{"format": format, "options": {"url": "jdbc:x"}}]
    with pytest.raises(ParamsError, match=r"sources\[0\]\.path: is missing"):
        parse_params(document(sources=sources), "p.json")


def test_a_business_date_has_no_time() -> None:
    broken = document()
    broken["metadata"] |= {"biz_dt": "2024-05-15T00:00:00", "biz_dts": ["2024-05-15T00:00:00"]}
    with pytest.raises(ParamsError) as refused:
        parse_params(broken, "p.json")
    assert [text.partition(":")[0] for text in refused.value.problems] == [
        "metadata.biz_dt",
        "metadata.biz_dts[0]",
    ]


def test_every_problem_is_listed_with_its_key() -> None:
    broken = document(
        sources=[{"format": "csv", "options": {"header": ["x"]}}, 3],
        sinks=[{"format": "orc", "path": "out", "mode": "append"}],
        hql="../secret.hql",
        allow_empty="perhaps",
        timeout_minutes=-1,
    )
    broken["metadata"] |= {"biz_dt": "15.5.2024", "run_id": "a/b", "version": 2, "biz_dts": [4]}
    broken["process_control"].append({"biz_dt": "2024-05-14", "start_dt": "soon"})
    with pytest.raises(ParamsError) as refused:
        parse_params(broken, "p.json")
    named = {problem.partition(":")[0] for problem in refused.value.problems}
    context = "job_master.context_params"
    assert named == {
        "metadata.biz_dt", "metadata.biz_dts[0]", "metadata.run_id", "metadata.version",
        "process_control[1].start_dt",
        f"{context}.sources[0].path", f"{context}.sources[0].options.header",
        f"{context}.sources[1]",
        f"{context}.sinks[0].mode", f"{context}.sinks[0].path",
        f"{context}.hql", f"{context}.allow_empty",
        f"{context}.timeout_minutes",
    }  # fmt: skip
    assert str(refused.value).startswith("p.json: 13 problems:\n  - ")


@pytest.mark.parametrize("text", ["[]", "null", '{"metadata": []}', "{}"])
def test_other_shapes_are_problems_too(text: str) -> None:
    with pytest.raises(ParamsError, match=r"metadata: (is missing|must be an object)|the file"):
        parse_params(json.loads(text), "p.json")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "can't be read"), (b'{"a": \n}', "not JSON: .* line 2"), (b"\xff", "can't be read")],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "params.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ParamsError, match=problem) as refused:
        load_params(str(file))
    assert refused.value.where == str(file)


def test_no_file_at_all_says_which_variable() -> None:
    with pytest.raises(ParamsError, match="JOB_PARAMS_FILE"):
        load_params()


def test_a_date_that_is_null_in_the_list_is_a_problem_not_a_crash() -> None:
    broken: dict[str, Any] = document()
    broken["metadata"]["biz_dts"] = [None]
    with pytest.raises(ParamsError, match=r"biz_dts\[0\]: must be an ISO date, is None"):
        parse_params(broken, "p.json")
