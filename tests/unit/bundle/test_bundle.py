"""What a job is told: assembled by rule, written as JSON."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from orch_dagster.bundle import bundle as bundle_module
from orch_dagster.bundle.bundle import (
    BundleRequest,
    BundleRows,
    ParamBundle,
    assemble,
    waiting_dates,
    write_bundle,
)
from orch_dagster.control.records import JobDependency, ProcessControl, SysParam
from orch_dagster.errors import NotReadyError
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.sample.rows import CONTEXT_PARAMS, JOB_NAME
from orch_dagster.settings import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden" / "bundle" / "etl_lnd_gels_fpms_t_contract_master.json"

SPEC = JobSpec(
    "JOB_1001",
    JOB_NAME,
    parse_context_params(json.dumps(CONTEXT_PARAMS), JOB_NAME),
    f"{JOB_NAME}.py",
    "Contracts of “FPMS”",
    ("JOB_1000",),
)
NOW = datetime(2024, 5, 16, 1, 2, 3, 456789, tzinfo=timezone.utc)


def day(biz_dt: str, **columns: str | datetime | None) -> ProcessControl:
    return ProcessControl("GELS", "FPMS", biz_dt, **columns)  # type: ignore[arg-type]


def param(key: str, key_name: str, value: str = "v", kind: str = "spark") -> SysParam:
    return SysParam(key, "DEV", key_name, value, kind)


def made(
    *days: str, wanted: tuple[str, ...] = ("2024-05-15",), params: tuple[SysParam, ...] = ()
) -> ParamBundle:
    return assemble(
        SPEC,
        BundleRequest(run_id="run-1", wanted=wanted, environment="DEV", generated_at=NOW),
        BundleRows(
            dependencies=[JobDependency("JOB_1001", JOB_NAME, "JOB_1000", "before", 1)],
            process_control=[day(biz_dt) for biz_dt in days],
            sys_params=params,
        ),
    )


def test_the_json_is_the_golden_file() -> None:
    bundle = assemble(
        SPEC,
        BundleRequest(
            run_id="0b1e0e3c-5a52-4a5e-8f4e-0d6a3e2c9f10",
            wanted=("2024-05-15",),
            environment="DEV",
            generated_at=NOW,
        ),
        BundleRows(
            dependencies=[JobDependency("JOB_1001", JOB_NAME, "JOB_1000", "before", 1)],
            process_control=[
                day("2024-05-14", start_dt="2024-05-14", end_dt="2024-05-14"),
                day(
                    "2024-05-15",
                    start_dt="2024-05-13",
                    end_dt="2024-05-15",
                    process_dt="2024-05-16",
                    business_keys="contract_no",
                    compare_cols="status_code,premium_amt",
                    run_id="0b1e0e3c-5a52-4a5e-8f4e-0d6a3e2c9f10",
                    last_update_ts=NOW,
                ),
            ],
            sys_params=[
                param("spark.master", "*", "local[2]"),
                param("spark.executor.memory", "gels_fpms", "2g"),
                param("DB_PASSWORD", "*", "env:DB_PASSWORD", "secret"),
            ],
        ),
    )

    # After a change that is meant: ORCH_GOLDEN=write pytest tests/unit/bundle, and read the diff
    if os.environ.get("ORCH_GOLDEN") == "write":
        GOLDEN.write_text(bundle.to_json(), encoding="utf-8", newline="\n")
    assert bundle.to_json() == GOLDEN.read_text(encoding="utf-8")


class TestDates:
    def test_the_runs_own_come_first_then_the_newest(self) -> None:
        bundle = made(
            "2024-05-14",
            "2024-05-17",
            "2024-05-15",
            "2024-05-16",
            "2024-05-13",
            wanted=("2024-05-14", "2024-05-15"),
        )

        assert [row.biz_dt for row in bundle.process_control] == [
            "2024-05-14",
            "2024-05-15",
            "2024-05-17",
            "2024-05-16",
            "2024-05-13",
        ]
        assert bundle.biz_dts == ("2024-05-14", "2024-05-15")

    def test_those_not_open_are_skipped_and_named(self) -> None:
        bundle = made("2024-05-16", "2024-05-14", wanted=("2024-05-14", "2024-05-15", "2024-05-16"))

        assert bundle.biz_dts == ("2024-05-14", "2024-05-16")
        assert bundle.skipped == ("2024-05-15",)
        metadata = json.loads(bundle.to_json())["metadata"]
        assert metadata["biz_dt"] == "2024-05-14"
        assert metadata["biz_dts"] == ["2024-05-14", "2024-05-16"]

    def test_one_that_is_not_open_names_the_key_and_the_command(self) -> None:
        with pytest.raises(NotReadyError) as caught:
            made("2024-05-14")

        assert str(caught.value) == (
            "the business date is not open: process_control has no row "
            "entity=GELS, source_system=FPMS, biz_dt=2024-05-15; "
            "open it with `orch open gels_fpms --biz-dt 2024-05-15`"
        )

    def test_a_range_of_none_names_its_ends(self) -> None:
        with pytest.raises(NotReadyError, match=r"biz_dt=2024-05-01 … 2024-05-03; open it"):
            made("2024-04-30", wanted=("2024-05-01", "2024-05-02", "2024-05-03"))


class TestParams:
    def test_by_type(self) -> None:
        bundle = made(
            "2024-05-15",
            params=(
                param("spark.x", "*", "1"),
                param("schedule.cron", "*", "c", "system"),
                SysParam("spark.none", "DEV", "*", None, "spark"),
            ),
        )

        assert bundle.params_of_type("spark") == {"spark.x": "1", "spark.none": ""}
        assert bundle.params_of_type("system") == {"schedule.cron": "c"}
        assert bundle.params_of_type("secret") == {}


class TestParents:
    PARENTS = {"J2": "second", "J1": "first"}

    def test_all_completed(self) -> None:
        done = {("J1", "2024-05-15"), ("J2", "2024-05-15"), ("J9", "2024-05-14")}
        assert waiting_dates(SPEC, ["2024-05-15"], self.PARENTS, done) == {}

    def test_none_to_wait_for(self) -> None:
        assert waiting_dates(SPEC, ["2024-05-15"], {}, set()) == {}

    def test_every_one_missing_is_named_with_its_command(self) -> None:
        dates = ["2024-05-14", "2024-05-15", "2024-05-16"]
        done = {("J1", "2024-05-15"), ("J1", "2024-05-14"), ("J2", "2024-05-14")}

        assert waiting_dates(SPEC, dates, self.PARENTS, done) == {
            "2024-05-15": (
                f"{JOB_NAME} waits for its parents: "
                "second (J2) has not completed 2024-05-15: "
                "run it with `orch run second --biz-dt 2024-05-15`"
            ),
            "2024-05-16": (
                f"{JOB_NAME} waits for its parents: "
                "first (J1) has not completed 2024-05-16: "
                "run it with `orch run first --biz-dt 2024-05-16`; "
                "second (J2) has not completed 2024-05-16: "
                "run it with `orch run second --biz-dt 2024-05-16`"
            ),
        }


class TestWriting:
    def test_the_runs_own_copy_and_the_newest(self, tmp_path: Path) -> None:
        bundle = made("2024-05-15")

        own = write_bundle(bundle, tmp_path)
        assert own == tmp_path / "run-1" / f"{JOB_NAME}.json"
        assert own.read_text(encoding="utf-8") == bundle.to_json()
        assert (tmp_path / f"{JOB_NAME}.json").read_bytes() == own.read_bytes()
        if os.name == "posix":
            # Nobody else reads what the job writes there.
            assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700

    def test_another_run_leaves_the_first_ones_copy(self, tmp_path: Path) -> None:
        from dataclasses import replace

        first = made("2024-05-15")
        own = write_bundle(first, tmp_path)
        second = replace(first, run_id="run-2")
        write_bundle(second, tmp_path)

        assert own.read_text(encoding="utf-8") == first.to_json()
        newest = (tmp_path / f"{JOB_NAME}.json").read_text(encoding="utf-8")
        assert newest == second.to_json()

    def test_a_full_disk_leaves_the_newest_as_it_was(
        self, tmp_path: Path, monkeypatch: MonkeyPatch
    ) -> None:
        first = made("2024-05-15")
        write_bundle(first, tmp_path)

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(bundle_module.write_atomically.__globals__["os"], "fsync", full)
        second = made("2024-05-15", "2024-05-14")
        with pytest.raises(OSError, match="No space") as told:
            write_bundle(second, tmp_path)
        # A failed write has no name of its own.
        assert told.value.filename == str(tmp_path / second.run_id / f"{JOB_NAME}.json")
        newest = tmp_path / f"{JOB_NAME}.json"
        assert newest.read_text(encoding="utf-8") == first.to_json()
        assert [path for path in tmp_path.rglob(".*") if path.is_file()] == []
