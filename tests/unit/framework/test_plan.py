from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from framework.contract.paths import as_location
from framework.errors import HqlError, ParamsError
from framework.hql import load_script
from framework.params_loader import parse_params
from framework.plan import Place, Plan, plan_landing
from tests.samples import document


def plan(base: str = "hdfs://nn/data", **context: Any) -> Plan:
    params = parse_params(document(**context), "p.json")
    return plan_landing(params, params.biz_dt, base)


def test_paths_views_and_folders() -> None:
    made = plan()
    (source,) = made.sources
    assert (source.view, source.location) == ("row1", "hdfs://nn/data/in/2024-05-15.csv")
    (sink,) = made.sinks
    assert sink.place == Place("hdfs://nn/data/out/t/biz_dt=2024-05-15", "biz_dt=2024-05-15")


def test_a_sink_with_the_date_in_its_path_is_replaced_whole() -> None:
    (sink,) = plan(sinks=[{"format": "csv", "path": "out/{biz_dt:%Y%m%d}"}]).sinks
    assert sink.place == Place("hdfs://nn/data/out/20240515")


def test_tables_are_names_not_paths() -> None:
    made = plan(
        sources=[{"format": "jdbc", "path": "db.t"}], sinks=[{"format": "kudu", "path": "db.u"}]
    )
    assert made.sources[0].location == "db.t"
    assert (made.sinks[0].root, made.sinks[0].place) == ("db.u", None)


def test_variables_of_the_hql() -> None:
    assert plan().variables == {
        "biz_dt": "2024-05-15", "start_dt": "2024-05-01", "end_dt": "2024-05-14T23:59:59+00:00",
        "run_id": "run-1", "job_name": "job", "entity": "INS", "source_system": "SYS",
        "environment": "DEV",
    }  # fmt: skip


def test_a_date_without_process_control_has_no_window() -> None:
    params = parse_params(document(biz_dts=("2024-05-15", "2024-05-16")), "p.json")
    assert "start_dt" not in plan_landing(params, date(2024, 5, 16), "/data").variables


def test_all_faults_of_a_date_at_once() -> None:
    with pytest.raises(ParamsError) as refused:
        plan(
            sources=[{"format": "csv", "path": "out/d/biz_dt=2024-05-15/x"}],
            sinks=[
                {"format": "orc", "path": "out/[c]/{biz_dt}"},
                {"format": "orc", "path": "out/d", "partition_cols": ["biz_dt"]},
                {"format": "csv", "path": "out/d", "partition_cols": ["biz_dt"]},
            ],
        )
    found = [problem.partition(": ") for problem in refused.value.problems]
    assert [(where, text[:24]) for where, _, text in found] == [
        ("sinks[0].path", "can't hold any of * ? [ "),
        ("sinks[2].path", "one would replace the ot"),
        ("sources[0].path", "'out/d/biz_dt=2024-05-15"),
        ("sources[0].path", "'out/d/biz_dt=2024-05-15"),
    ]


def test_a_window_that_a_date_does_not_have_is_found_here() -> None:
    params = parse_params(
        document(
            biz_dts=("2024-05-15", "2024-05-16"),
            sources=[{"format": "csv", "path": "in/{start_dt}"}],
        ),
        "p.json",
    )
    plan_landing(params, date(2024, 5, 15), "/data")
    with pytest.raises(ParamsError, match=r"sources\[0\]\.path: .*set process_control\.start_dt"):
        plan_landing(params, date(2024, 5, 16), "/data")


@pytest.mark.parametrize(
    "path", ["out", "out/{biz_dt:%Y}", "out/{biz_dt:%Y%m}", "out/{biz_dt:%d}", "out/{end_dt:%Y}"]
)
def test_a_path_that_days_would_share_is_refused(path: str) -> None:
    with pytest.raises(ParamsError, match="one date would replace another"):
        plan(sinks=[{"format": "csv", "path": path}])


@pytest.mark.parametrize("other", ["out/{biz_dt}/b", "out/x/../{biz_dt}", "out/{biz_dt}"])
def test_a_sink_inside_another_is_refused(other: str) -> None:
    with pytest.raises(ParamsError, match="one would replace the other"):
        plan(
            as_location("/data"),
            sinks=[{"format": "csv", "path": path} for path in ("out/{biz_dt}", other)],
        )


def test_a_source_that_the_swap_would_carry_away_is_refused() -> None:
    with pytest.raises(ParamsError, match="which a sink replaces"):
        plan(
            sources=[{"format": "csv", "path": "t/{biz_dt}/in.csv"}],
            sinks=[{"format": "csv", "path": "t/{biz_dt}"}],
        )


def test_a_landing_needs_both_ends() -> None:
    with pytest.raises(ParamsError, match="sources: needs at least one, as the job has sinks"):
        plan(sources=[])
    with pytest.raises(ParamsError, match="sinks: run_landing needs at least one"):
        plan(sinks=[])


def test_a_row_that_was_written_on_windows_names_the_same_hql_in_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path))
    (tmp_path / "lnd").mkdir()
    (tmp_path / "lnd" / "a.hql").write_text("SELECT * FROM row1", encoding="utf-8")
    params = parse_params(document(hql="lnd\\a.hql"), "p.json")
    script = plan_landing(params, params.biz_dt, "/data").script
    assert script
    assert script.file == str(tmp_path / "lnd" / "a.hql")
    # As a script may give it to exec_hql.
    assert load_script("lnd\\a.hql") == script


def test_a_missing_hql_file_is_found_here() -> None:
    with pytest.raises(HqlError, match="no such file"):
        plan(hql="none.hql")


@pytest.mark.parametrize(
    ("text", "path", "is_refused"),
    [
        ("SELECT * FROM row1 WHERE d > '${hivevar:start_dt}'", "in/x.csv", True),
        ("SELECT * FROM row1", "in/{end_dt:%Y}.csv", True),
        ("SELECT * FROM row1 -- ${hivevar:start_dt}", "in/{biz_dt}.csv", False),
    ],
)
def test_a_window_upside_down_is_refused_if_the_job_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: str, is_refused: bool
) -> None:
    """It selects nothing: with allow_empty the date would be replaced by nothing."""
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path))
    (tmp_path / "x.hql").write_text(text, encoding="utf-8")
    given = document(hql="x.hql", sources=[{"format": "csv", "path": path}])
    (row,) = given["process_control"]
    row |= {"start_dt": "2024-05-16", "end_dt": "2024-05-14T23:59:59Z"}
    params = parse_params(given, "p.json")
    if not is_refused:
        assert plan_landing(params, params.biz_dt, "/data").variables["start_dt"] == "2024-05-16"
        return
    with pytest.raises(ParamsError) as refused:
        plan_landing(params, params.biz_dt, "/data")
    assert list(refused.value.problems) == [
        "2024-05-15: start_dt 2024-05-16 is after end_dt 2024-05-14",
    ]
