"""HQL files that a run would refuse: named by apply with file and line, and by doctor."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from framework.hql_text import form_fault
from orch_dagster.cli.doctor import examine
from orch_dagster.control.records import JobMaster
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.hql_files import hql_findings_of_rows
from orch_dagster.registry.location import load_location
from orch_dagster.sample.rows import CONTEXT_PARAMS
from orch_dagster.settings import Settings, load_settings

ROWS = """\
job_master:
  - job_id: J1
    job_name: etl_lnd_a_b_t
    script_path: landing.py
    context_params:
      hql: folder/t.hql
      sources: [{format: csv, path: in/t.csv}]
      sinks: [{format: orc, path: out/t, partition_cols: [biz_dt]}]
"""


@pytest.fixture
def hql_dir(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home / "hql"
    (folder / "folder").mkdir(parents=True)
    monkeypatch.setenv("ORCH_HQL_DIR", str(folder))
    return folder


@pytest.fixture
def here(hql_dir: Path, store: ControlStore) -> Settings:
    """The settings, with a store."""
    return load_settings()


def applied(home: Path, store: ControlStore, settings: Settings) -> None:
    file = home / "rows.yaml"
    file.write_text(ROWS, encoding="utf-8")
    apply_files([file], store, settings)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not a file: "),
        (b" \n\n", "holds no statement: "),
        (b"-- SELECT 1\n;", "holds no statement: "),
        (b"SELECT '\xe9'", "is not text in UTF-8 (invalid continuation byte at byte 8): "),
    ],
)
def test_a_file_that_a_run_refuses_is_refused_with_the_line_of_its_row(
    home: Path,
    hql_dir: Path,
    store: ControlStore,
    here: Settings,
    content: bytes | None,
    reason: str,
) -> None:
    file = hql_dir / "folder" / "t.hql"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ApplyError) as caught:
        applied(here.home, store, here)
    (problem,) = caught.value.problems
    assert problem.line == 6
    assert f"context_params: hql: folder/t.hql {reason}{file}" in problem.text
    assert store.read(JOB_MASTER) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("SELECT id\nFROM row1 WHERE a = 'x", ":2 begins a text that no ' ends: "),
        ('SELECT "it\\"', ':1 begins a text that no " ends: '),
        # Spark would never see the second statement.
        ("SELECT 1;\n\n/* /* old */\nSELECT 2", ":3 begins a comment that no */ ends: "),
    ],
)
def test_a_text_or_comment_that_is_not_closed_is_refused_with_its_line(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings, content: str, reason: str
) -> None:
    (hql_dir / "folder" / "t.hql").write_text(content, encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        applied(home, store, here)
    (problem,) = caught.value.problems
    assert f"context_params: hql: folder/t.hql{reason}" in problem.text


@pytest.mark.parametrize("piece", ["\\'", "/*", "'", '"\\"', "-- '\n", "/* */ '"])
def test_a_long_text_takes_no_longer_each(piece: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        form_fault("SELECT '" + piece * count)
        return time.process_time() - began

    # Quadratic, it took minutes.
    assert min(seconds(50_000) for _ in range(2)) < 2


@pytest.mark.parametrize(
    "content",
    [
        "SELECT 'it''s', \"--\", `/*` -- don't\nFROM row1 /* isn't /* it */ */",
        "SELECT r'a\\', 'b\\\\' FROM row1",
    ],
)
def test_what_is_closed_is_taken(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings, content: str
) -> None:
    (hql_dir / "folder" / "t.hql").write_text(content, encoding="utf-8")
    applied(home, store, here)
    assert len(store.read(JOB_MASTER)) == 1


def test_doctor_names_a_file_that_is_missing_since(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings
) -> None:
    file = hql_dir / "folder" / "t.hql"
    file.write_text("SELECT * FROM row1", encoding="utf-8")
    applied(home, store, here)

    def named() -> list[str]:
        return [check.text for check in examine(here) if "hql" in check.text]

    assert named() == []
    file.unlink()
    (text,) = named()
    assert f"folder/t.hql is not a file: {file}" in text


def test_a_file_that_ships_with_the_package_is_found(
    home: Path, store: ControlStore, here: Settings
) -> None:
    shipped = str(CONTEXT_PARAMS["hql"])
    file = home / "rows.yaml"
    # It reads two sources.
    second = "[{format: csv, path: in/u.csv}, "
    rows = ROWS.replace("folder/t.hql", shipped).replace("sources: [", f"sources: {second}")
    file.write_text(rows, encoding="utf-8")
    apply_files([file], store, here)
    assert len(store.read(JOB_MASTER)) == 1


def test_a_name_with_a_nul_is_refused(home: Path, store: ControlStore, here: Settings) -> None:
    file = home / "rows.yaml"
    file.write_text(ROWS.replace("folder/t.hql", '"a\\0b"'), encoding="utf-8")
    with pytest.raises(ApplyError, match="holds a NUL, which no name of a file has"):
        apply_files([file], store, here)


def test_a_job_whose_file_is_missing_is_named_at_load_and_the_others_load(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings
) -> None:
    """It is not quarantined: its file may come later, and its run says what is missing."""
    file = hql_dir / "folder" / "t.hql"
    file.write_text("SELECT * FROM row1", encoding="utf-8")
    applied(home, store, here)
    assert load_location(here).registry.findings == ()
    file.write_bytes(b"SELECT '\xe9'")
    registry = load_location(here).registry
    (finding,) = registry.findings
    assert "folder/t.hql is not text in UTF-8" in str(finding)
    assert not finding.is_warning
    assert list(registry.jobs) == ["etl_lnd_a_b_t"]


@pytest.mark.parametrize(
    ("view", "line"), [("row4", 3), ("ROW2", 3), ("row0", 3), ("`row01`", 3), ("row1, row99", 3)]
)
def test_a_view_that_no_source_becomes_is_refused_with_its_line(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings, view: str, line: int
) -> None:
    file = hql_dir / "folder" / "t.hql"
    file.write_text(f"-- row7\nSELECT *\nFROM {view}", encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        applied(home, store, here)
    (problem,) = caught.value.problems
    name = view.rpartition(" ")[2].strip("`").lower()
    assert problem.line == 6
    assert problem.text == (
        f"job_master (job_id=J1): context_params: hql: folder/t.hql:{line} reads {name}, and the "
        "job has one source, row1; name a table of that name with its database"
    )


def test_a_plain_script_makes_no_view_whoever_wrote_its_path(hql_dir: Path) -> None:
    (hql_dir / "folder" / "t.hql").write_text("SELECT * FROM row2", encoding="utf-8")
    context = json.dumps(yaml.safe_load(ROWS)["job_master"][0]["context_params"])
    for script in ("ours/landing.py", r"ours\landing.py"):
        row = JobMaster("J1", "etl_lnd_a_b_t", context, script)
        (finding,) = hql_findings_of_rows([row], [hql_dir])
        assert not finding.is_warning


def test_a_script_of_its_own_may_make_the_view(
    home: Path, hql_dir: Path, store: ControlStore, here: Settings
) -> None:
    (hql_dir / "folder" / "t.hql").write_text("SELECT * FROM row2", encoding="utf-8")
    (home / "jobs").mkdir()
    (home / "jobs" / "own.py").write_text("", encoding="utf-8")
    file = home / "rows.yaml"
    file.write_text(ROWS.replace("landing.py", "own.py"), encoding="utf-8")
    settings = here.model_copy(update={"jobs_dir": home / "jobs"})
    (warning,) = apply_files([file], store, settings).warnings
    assert str(warning).endswith(
        "row2, and the job has one source, row1; right only if own.py makes that view"
    )
