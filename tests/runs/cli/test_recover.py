"""orch recover on local sinks, as its user gives it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from framework.publish.journal import Journal, journal_location
from framework.publish.processes import LockOwner, psutil_probe, this_process
from framework.storage.local import LocalFileSystem
from orch_dagster.cli.main import main
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER

JOB_NAME = "etl_lnd_gels_fpms_t_contract"
DEAD = LockOwner("run-1", this_process("x", psutil_probe).host, 2**22 + 1, 1)


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def sample(home: Path, store: ControlStore) -> Path:
    """A home with one job that has a sink of files, and one that has none."""
    sinks = [
        {"format": "jdbc", "path": "t", "options": {"url": "jdbc:x"}},
        {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]},
    ]
    source = {"format": "csv", "path": "in.csv"}
    contexts = {JOB_NAME: {"sources": [source], "sinks": sinks}, "etl_lnd_gels_fpms_none": {}}
    store.upsert(
        JOB_MASTER,
        [
            {"job_id": name, "job_name": name, "script_path": "landing.py",
             "context_params": json.dumps(context)}
            for name, context in contexts.items()
        ],
    )  # fmt: skip
    return home


def leave(home: Path, biz_dt: str, owner: LockOwner) -> Path:
    """A journal as a landing leaves it."""
    target = (home / "out" / "t" / f"biz_dt={biz_dt}").as_posix()
    journal = journal_location(target, JOB_NAME, biz_dt)
    LocalFileSystem().create_exclusive(journal, Journal(JOB_NAME, biz_dt, owner).encode())
    return Path(journal)


def test_nothing_to_do_is_said_too(sample: Path) -> None:
    assert sample.is_dir()
    assert orch("recover").output == "Nothing to recover: no landing was cut off (jobs: 2).\n"
    done = orch("recover", JOB_NAME, "--json")
    assert (done.exit_code, json.loads(done.output)) == (0, [])


def test_each_landing_is_a_sentence(sample: Path) -> None:
    for biz_dt in ("2024-05-14", "2024-05-15", "2024-05-16"):
        leave(sample, biz_dt, DEAD)
    one = orch("recover", JOB_NAME, "--biz-dt", "2024-05-16")
    assert one.output == f"{JOB_NAME} 2024-05-16: rolled back, it had not moved anything\n"
    # A group's name stands for its jobs.
    both = orch("recover", "gels_fpms")
    assert [line.split(":")[0] for line in both.output.splitlines()] == [
        f"{JOB_NAME} 2024-05-14",
        f"{JOB_NAME} 2024-05-15",
    ]
    assert (one.exit_code, both.exit_code) == (0, 0)
    assert not list(sample.rglob("_landing"))


def test_several_dates_and_ranges_are_named_as_in_other_commands(sample: Path) -> None:
    for day in range(13, 18):
        leave(sample, f"2024-05-{day}", DEAD)

    def recovered(*words: str) -> list[str]:
        done = orch("recover", JOB_NAME, *words, "--json")
        assert done.exit_code == 0, done.output
        return [each["biz_dt"] for each in json.loads(done.output)]

    assert recovered("--from", "2024-05-15", "--to", "2024-05-16") == ["2024-05-15", "2024-05-16"]
    two = ["--biz-dt", "2024-05-17", "--biz-dt", "2024-05-13"]
    assert recovered(*two) == ["2024-05-13", "2024-05-17"]
    for wrong in (["--from", "2024-05-15"], [*two, "--from", "2024-05-13", "--to", "2024-05-14"]):
        refused = orch("recover", JOB_NAME, *wrong)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "give --biz-dt (once or more), or --from and --to" in refused.stderr
    assert recovered() == ["2024-05-14"]


def test_a_landing_on_its_way_fails_the_command_and_stays(sample: Path) -> None:
    me = this_process("run-9", psutil_probe)
    journal = leave(sample, "2024-05-15", me)
    leave(sample, "2024-05-16", DEAD)
    done = orch("recover", "--json")
    held, recovered = json.loads(done.output)
    assert done.exit_code == 1
    assert held["outcome"] == "held"
    assert f"process {psutil.Process().pid} on {me.host}" in held["text"]
    assert recovered["outcome"] == "recovered"
    assert journal.exists()


def test_an_unknown_job_and_a_framework_that_is_none_are_one_line(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = orch("recover", "nope")
    assert unknown.exit_code == 1
    assert unknown.output.startswith("orch: no job nope")
    jobs = sample / "jobs"
    jobs.mkdir()
    (jobs / "landing.py").touch()
    # It comes before the installed one.
    (jobs / "framework").mkdir()
    (jobs / "framework" / "__init__.py").write_text("import of_another_version\n")
    monkeypatch.setenv("ORCH_JOBS_DIR", str(jobs))
    failed = orch("recover")
    assert failed.exit_code == 1
    assert "No module named 'of_another_version'" in failed.output
    assert len(failed.output.splitlines()) == 1


def test_what_is_unknown_is_said_in_a_line_and_stays(sample: Path) -> None:
    damaged, newer = (leave(sample, biz_dt, DEAD) for biz_dt in ("2024-05-15", "2024-05-16"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    os.utime(damaged, (0, 0))
    old = damaged.parent / "run-1" / "old-0" / "part-0"
    old.parent.mkdir(parents=True)
    old.write_text("perhaps the only copy")
    newer.write_bytes(newer.read_bytes().replace(b'"version": 2', b'"version": 3'))
    done = orch("recover", "--json")
    first, second = json.loads(done.output)
    assert done.exit_code == 1
    assert {first["outcome"], second["outcome"]} == {"failed"}
    assert f"the journal is damaged, and a landing left {damaged.parent}/run-1" in first["text"]
    assert "the journal's version is 3, and this framework reads up to 2" in second["text"]
    assert old.exists()
    assert damaged.exists()
    assert newer.exists()
    assert len(orch("recover").output.splitlines()) == 2
