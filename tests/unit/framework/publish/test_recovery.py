"""What `orch recover` finds beside sinks of every shape, and what it says of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework.contract.paths import parent
from framework.publish.journal import Journal, Move, State, journal_location, landing_folder
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.recovery import FileSink, Finding, Job, Recovery
from framework.storage.local import LocalFileSystem

JOB, DATE, OTHER = "etl_lnd_ins_sys_t", "2024-05-15", "2024-05-16"
ME = LockOwner("orch recover", "here", 2, 2_000_000)
DEAD = LockOwner("run-1", "here", 1, 1_000_000)
LIVING = LockOwner("run-9", "here", 3, 3_000_000)
BY_DATE = FileSink("out/t", ("biz_dt", "region"))


def look(pid: int) -> ProcessInfo | None:
    """Processes 2 and 3 run."""
    return ProcessInfo(pid * 1_000_000) if pid in (2, 3) else None


def left(root: Path, target: str, biz_dt: str, owner: LockOwner, state: State = "staging") -> Path:
    """A journal as a landing leaves it, beside the data of its state; returns it."""
    folder = root / target
    journal = journal_location(folder.as_posix(), JOB, biz_dt)
    work = f"{parent(journal)}/{owner.run_id}"
    move = Move(work, f"{work}/new-0", f"{work}/old-0", folder.as_posix(), state == "done")
    for each in (folder, Path(move.old if state == "done" else move.new)):
        each.mkdir(parents=True, exist_ok=True)
    content = Journal(JOB, biz_dt, owner, state, (move,)).encode()
    LocalFileSystem().create_exclusive(journal, content)
    return Path(journal)


def found(root: Path, *sinks: FileSink, biz_dt: str | None = None, gone: str = "") -> list[Finding]:
    recovery = Recovery(
        LocalFileSystem(), root.as_posix(), ME, look, biz_dt, frozenset(filter(None, [gone]))
    )
    return list(recovery.findings(Job(JOB, sinks)))


@pytest.mark.parametrize(
    ("path", "partition_cols", "targets"),
    [
        ("out/t", ("biz_dt",), [f"out/t/biz_dt={DATE}", f"out/t/biz_dt={OTHER}"]),
        ("out/t/{biz_dt:%Y%m%d}", (), ["out/t/20240515", "out/t/20240516"]),
        ("out/{biz_dt}/t", (), [f"out/{DATE}/t", f"out/{OTHER}/t"]),
        ("o_{biz_dt:%Y/%m/%d}_x/t", (), ["o_2024/05/15_x/t", "o_2024/05/16_x/t"]),
        ("out/{start_dt}/t", ("biz_dt",), [f"out/1/t/biz_dt={DATE}", f"out/2/t/biz_dt={OTHER}"]),
    ],
)
def test_journals_are_found_wherever_a_path_puts_them(
    tmp_path: Path, path: str, partition_cols: tuple[str, ...], targets: list[str]
) -> None:
    sink = FileSink(path, partition_cols)
    for _ in range(2):
        for target, day in zip(targets, (DATE, OTHER), strict=True):
            left(tmp_path, target, day, DEAD)
        (only,) = found(tmp_path, sink, biz_dt=OTHER)
        assert (only.biz_dt, only.outcome) == (OTHER, "recovered")
        left(tmp_path, targets[1], OTHER, DEAD, "done")
        first, second = found(tmp_path, sink)
        assert first.text == f"{JOB} {DATE}: rolled back, its old data is in place"
        assert second.text == f"{JOB} {OTHER}: rolled forward, its new data is in place"
        assert not list(tmp_path.rglob("_landing"))
    assert found(tmp_path, sink) == []


def test_other_jobs_and_what_is_no_date_are_left_alone(tmp_path: Path) -> None:
    others = tmp_path / "out/t/_landing/other" / DATE / "journal.json"
    note = tmp_path / "out/t/_landing" / JOB / "notes" / "journal.json"
    for file in (others, note):
        file.parent.mkdir(parents=True)
        file.write_text("x")
    assert found(tmp_path, BY_DATE) == []
    assert others.exists()
    assert note.exists()


def test_a_landing_on_its_way_is_named_and_the_others_are_recovered(tmp_path: Path) -> None:
    journal = left(tmp_path, "out/t/x", DATE, LIVING)
    left(tmp_path, "out/t/x", OTHER, DEAD)
    # Its second sink's staging is no leftover.
    staging = Path(landing_folder((tmp_path / "out/u/x").as_posix(), JOB, DATE)) / "run-9"
    staging.mkdir(parents=True)
    held, recovered = found(tmp_path, BY_DATE, FileSink("out/u", ("biz_dt",)))
    assert (held.biz_dt, held.outcome) == (DATE, "held")
    assert "being landed by run run-9, process 3 on here" in held.text
    assert recovered.outcome == "recovered"
    assert journal.exists()
    assert staging.exists()


def test_a_host_that_cannot_be_asked_is_believed_gone_when_the_user_says_so(tmp_path: Path) -> None:
    journal = left(tmp_path, "out/t/x", DATE, LockOwner("run-1", "there", 3, 3_000_000))
    (held,) = found(tmp_path, BY_DATE)
    assert held.outcome == "held"
    assert f"`orch recover {JOB} --biz-dt {DATE} --gone there`" in held.text
    assert found(tmp_path, BY_DATE, gone="elsewhere") == [held]
    assert journal.exists()
    (recovered,) = found(tmp_path, BY_DATE, gone="there")
    assert recovered.outcome == "recovered"
    left(tmp_path, "out/t/x", DATE, LIVING)
    (held,) = found(tmp_path, BY_DATE, gone="here")
    assert held.outcome == "held"


def test_a_folder_without_its_journal_is_named_and_kept(tmp_path: Path) -> None:
    old = tmp_path / "out/t/_landing" / JOB / DATE / "run-1" / "old-0" / "part-0"
    old.parent.mkdir(parents=True)
    old.write_text("perhaps the only copy")
    (finding,) = found(tmp_path, BY_DATE)
    assert (finding.biz_dt, finding.outcome) == (DATE, "failed")
    assert f"{old.parents[2].as_posix()} has no journal" in finding.text
    assert old.exists()


@pytest.mark.parametrize(
    "path", ["rejected", "rejected/{biz_dt:%Y}", "/absolute", "{biz_dt}"], ids=str
)
def test_a_job_of_tables_is_recovered_beside_its_bad_records(tmp_path: Path, path: str) -> None:
    path = path.replace("/absolute", f"{tmp_path}/elsewhere")
    root = path.replace("{biz_dt:%Y}", "2024").replace("{biz_dt}", DATE)
    journal = left(tmp_path, f"{root}/{JOB}/biz_dt={DATE}", DATE, DEAD, "done")
    recovery = Recovery(LocalFileSystem(), tmp_path.as_posix(), ME, look)
    (finding,) = recovery.findings(Job(JOB, (), (path,)))
    assert finding.text == f"{JOB} {DATE}: rolled forward, its new data is in place"
    assert not journal.parents[2].exists()
    assert list(recovery.findings(Job(JOB, (), (path,)))) == []


@pytest.mark.parametrize("sink", [BY_DATE, FileSink("out/t/{biz_dt}", ())], ids=["column", "path"])
def test_what_lies_beside_bad_records_without_a_journal_is_named(
    tmp_path: Path, sink: FileSink
) -> None:
    folder = tmp_path / "out/t/_rejected" / JOB / "_landing" / JOB / DATE
    (folder / "run-1" / "old-0").mkdir(parents=True)
    (finding,) = found(tmp_path, sink)
    assert (finding.biz_dt, finding.outcome) == (DATE, "failed")
    assert f"{folder.as_posix()} has no journal" in finding.text


@pytest.mark.skipif(os.name == "nt", reason="a folder in the way is no error there")
def test_what_fails_is_named_with_its_place_and_stops_no_other(tmp_path: Path) -> None:
    journal = left(tmp_path, "out/t/x", DATE, DEAD)
    journal.unlink()
    journal.mkdir()
    left(tmp_path, "out/t/x", OTHER, DEAD)
    failed, recovered = found(tmp_path, BY_DATE)
    assert (failed.biz_dt, failed.outcome) == (DATE, "failed")
    assert str(journal) in failed.text
    assert recovered.outcome == "recovered"
