"""Which rows make a bundle, read from a real store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

import pytest

from orch_dagster.bundle.fetch import dates_without_parents, fetch_bundle, stamp_dates, with_stamp
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
)
from orch_dagster.errors import NotReadyError
from orch_dagster.registry.context_params import ContextParams
from orch_dagster.registry.jobs import JobSpec

CONTEXT = ContextParams(entity="GELS", source_system="FPMS")
SPEC = JobSpec("J2", "second", CONTEXT, "job.py", None, ("J1",))
PARENT = JobSpec("J1", "first", CONTEXT, "job.py")
DAY = "2024-05-15"


@pytest.fixture
def filled(store: ControlStore) -> ControlStore:
    store.upsert(
        JOB_MASTER,
        [{"job_id": "J1", "job_name": "first"}, {"job_id": "J2", "job_name": "second"}],
    )
    store.upsert(
        JOB_DEPENDENCY,
        [
            {"dependent_job_id": "J2", "dependent_job_name": "second", "parent_job_id": "J1"},
            {"dependent_job_id": "J1", "dependent_job_name": "first", "parent_job_id": ""},
        ],
    )
    store.upsert(
        PROCESS_CONTROL,
        [
            {"entity": entity, "source_system": source, "biz_dt": day}
            for entity, source, day in [
                ("GELS", "FPMS", DAY),
                ("GELS", "FPMS", "2024-05-14"),
                ("GELS", "OTHER", DAY),
                ("GEGM", "FPMS", DAY),
            ]
        ],
    )
    store.upsert(
        SYS_PARAMS,
        [
            {
                "param_key": "spark.x",
                "environment": env,
                "key_name": name,
                "param_value": f"{env} {name}",
                "param_type": "spark",
            }
            for env in ("DEV", "PROD")
            for name in ("*", "gels_fpms", "second", "first")
        ],
    )
    return store


def test_only_the_jobs_own_rows(filled: ControlStore) -> None:
    before = datetime.now(timezone.utc)
    bundle = fetch_bundle(filled, SPEC, run_id="r", wanted=[DAY], environment="DEV")

    assert [row.parent_job_id for row in bundle.dependencies] == ["J1"]
    assert [(r.source_system, r.biz_dt) for r in bundle.process_control] == [
        ("FPMS", DAY),
        ("FPMS", "2024-05-14"),
    ]
    assert [row.param_value for row in bundle.sys_params] == ["DEV second"]
    assert before <= bundle.generated_at <= datetime.now(timezone.utc)


def test_another_environment(filled: ControlStore) -> None:
    bundle = fetch_bundle(filled, SPEC, run_id="r", wanted=[DAY], environment="PROD")
    assert bundle.params_of_type("spark") == {"spark.x": "PROD second"}
    bundle = fetch_bundle(filled, SPEC, run_id="r", wanted=[DAY], environment="UAT")
    assert bundle.sys_params == ()


def test_a_change_is_seen_at_once(filled: ControlStore) -> None:
    key = {"param_key": "spark.x", "environment": "DEV", "key_name": "second"}
    filled.upsert(SYS_PARAMS, [{**key, "param_value": "changed"}])

    bundle = fetch_bundle(filled, SPEC, run_id="r", wanted=[DAY], environment="DEV")
    assert bundle.params_of_type("spark") == {"spark.x": "changed"}


def test_a_row_deleted_since_fails_naming_it(filled: ControlStore) -> None:
    filled.delete(JOB_MASTER, [{"job_id": "J2"}])

    with pytest.raises(NotReadyError, match=r"job_id=J2 \(second\); reload the code location"):
        fetch_bundle(filled, SPEC, run_id="r", wanted=[DAY], environment="DEV")


def test_a_date_that_is_not_open(filled: ControlStore) -> None:
    with pytest.raises(NotReadyError, match="orch open gels_fpms --biz-dt 2024-05-16"):
        fetch_bundle(filled, SPEC, run_id="r", wanted=["2024-05-16"], environment="DEV")


class TestStamp:
    def stamped(self, store: ControlStore, **where: str) -> Mapping[str, object]:
        (row,) = store.read(
            PROCESS_CONTROL, {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAY, **where}
        )
        return row

    def test_only_the_runs_dates_of_its_source(self, filled: ControlStore) -> None:
        at = stamp_dates(filled, SPEC, "run-1", [DAY])

        row = self.stamped(filled)
        assert (row["run_id"], row["last_update_ts"]) == ("run-1", at)
        for other in ({"biz_dt": "2024-05-14"}, {"source_system": "OTHER"}, {"entity": "GEGM"}):
            assert self.stamped(filled, **other)["run_id"] is None

    def test_a_date_that_is_not_open_is_not_opened(self, filled: ControlStore) -> None:
        stamp_dates(filled, SPEC, "run-1", ["2024-05-16"])

        assert filled.read(PROCESS_CONTROL, {"biz_dt": "2024-05-16"}) == []

    def test_a_bundle_keeps_its_own_runs_stamp(self, filled: ControlStore) -> None:
        at = stamp_dates(filled, SPEC, "run-1", [DAY])
        stamp_dates(filled, SPEC, "run-2", [DAY, "2024-05-14"])
        bundle = fetch_bundle(filled, SPEC, run_id="run-1", wanted=[DAY], environment="DEV")

        own, other = with_stamp(bundle, at).process_control
        assert (own.run_id, own.last_update_ts) == ("run-1", at)
        assert other.run_id == "run-2"


class TestParents:
    def log(self, store: ControlStore, status: str, day: str = DAY, job_id: str = "J1") -> None:
        store.upsert(
            EXECUTION_LOG,
            [
                {
                    "id": f"{status}{day}{job_id}",
                    "job_id": job_id,
                    "biz_dt": day,
                    "status": status,
                }
            ],
        )

    def test_completed(self, filled: ControlStore) -> None:
        self.log(filled, "Failed: once")
        self.log(filled, "Completed")
        assert dates_without_parents(filled, SPEC, [PARENT], [DAY]) == {}

    @pytest.mark.parametrize("status", ["Started", "Canceled", "Failed: x", "completed"])
    def test_every_other_status_is_not(self, filled: ControlStore, status: str) -> None:
        self.log(filled, status)
        self.log(filled, "Completed", day="2024-05-14")
        self.log(filled, "Completed", job_id="J2")

        waiting = dates_without_parents(filled, SPEC, [PARENT], [DAY])
        assert "first (J1) has not completed 2024-05-15" in waiting[DAY]

    def test_each_date_of_the_run(self, filled: ControlStore) -> None:
        self.log(filled, "Completed")

        waiting = dates_without_parents(filled, SPEC, [PARENT], [DAY, "2024-05-16"])
        assert [*waiting] == ["2024-05-16"]

    def test_without_parents_nothing_is_read(self, filled: ControlStore) -> None:
        filled.close()
        assert dates_without_parents(filled, SPEC, [], [DAY]) == {}
