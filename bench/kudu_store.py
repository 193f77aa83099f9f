"""Measure Kudu's answers to a run and a code location, with each installed driver.

    python bench/kudu_store.py [ROWS_OF_EXECUTION_LOG]

Starts a Kudu (one master, one tablet server), with 100 and then 10,000 jobs, and 1,000,000 rows of
execution_log unless another number is given. Prints medians in milliseconds; "flat" is the time
with 10,000 jobs divided by that with 100.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from processes import load_text

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from orch_dagster.bundle.fetch import dates_without_parents, fetch_bundle, stamp_dates
from orch_dagster.control.connect import open_store
from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.kudu.connect import choose_driver
from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
)
from orch_dagster.errors import NotReadyError, SettingsError
from orch_dagster.registry.jobs import JobSpec, build_registry
from orch_dagster.registry.snapshot import read_rows
from tests.kudu_cluster import kudu_cluster

DAY = "2024-05-15"
FEW, MANY = 100, 10_000
TRIES = 30


def masters(count: int) -> list[Row]:
    """Return job_master rows of that many jobs."""
    context = json.dumps({"entity": "GELS", "source_system": "FPMS", "hql": "x" * 300})
    return [
        {
            "job_id": f"J{number:05d}",
            "job_name": f"etl_lnd_gels_fpms_t_{number:05d}",
            "context_params": context,
            "script_path": "landing.py",
        }
        for number in range(count)
    ]


def dependencies(count: int) -> list[Row]:
    """Return job_dependency rows of that many jobs, in chains of ten."""
    return [
        {
            "dependent_job_id": f"J{number:05d}",
            "dependent_job_name": f"etl_lnd_gels_fpms_t_{number:05d}",
            "parent_job_id": f"J{number - 1:05d}" if number % 10 else "",
        }
        for number in range(count)
    ]


def log_rows(first: int, count: int) -> list[Row]:
    """Return rows of execution_log, numbered from the first one on."""
    return [
        {
            "id": f"{1_700_000_000_000_000 + number}_{number:012x}",
            "job_id": f"J{number % MANY:05d}",
            "biz_dt": f"20{24 + number % 3}-0{1 + number % 9}-15",
            "status": "Completed",
        }
        for number in range(first, first + count)
    ]


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def median_ms(call: Callable[[], object]) -> float:
    """Return the median of many calls, without the first one."""
    call()
    return statistics.median(seconds(call) for _ in range(TRIES)) * 1000


def spec_of(count: int) -> tuple[JobSpec, JobSpec]:
    """Return the last job of the registry, and its parent."""
    rows = [JobMaster.from_row(row) for row in masters(count)[-2:]]
    edges = [JobDependency.from_row(row) for row in dependencies(count)[-1:]]
    jobs = build_registry(rows, edges, lambda _: None).jobs
    return jobs[str(rows[1].job_name)], jobs[str(rows[0].job_name)]


def params_ms(store: ControlStore, spec: JobSpec) -> float:
    """Return the median time in which a run gets its parameters, stamp included."""

    def fetch() -> None:
        stamp_dates(store, spec, "r1", [DAY])
        fetch_bundle(store, spec, run_id="r1", wanted=[DAY], environment="DEV")

    return median_ms(fetch)


def main(log_count: int) -> None:
    """Fill a Kudu and measure it."""
    with kudu_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        stores: dict[str, ControlStore] = {}
        for driver in ("jvm", "native"):
            url = f"{cluster.url}?driver={driver}"
            try:
                choose_driver(parse_address(url))
            except SettingsError as error:
                print(f"{driver}: not installed ({error})")
                continue
            stores[driver] = open_store(url, home)
        first = next(iter(stores.values()))
        first.ensure_tables()
        source: Row = {"entity": "GELS", "source_system": "FPMS"}
        first.upsert(PROCESS_CONTROL, [{**source, "biz_dt": DAY}])
        first.upsert(
            SYS_PARAMS,
            [
                {"param_key": f"spark.p{n}", "environment": "DEV", "key_name": "*"}
                for n in range(20)
            ],
        )
        few, many = masters(FEW), masters(MANY)
        first.upsert(JOB_MASTER, few)
        first.upsert(JOB_DEPENDENCY, dependencies(FEW))
        for store in stores.values():
            # Warm up, as the first calls of a JVM are slow.
            params_ms(store, spec_of(FEW)[0])
        small = {name: params_ms(store, spec_of(FEW)[0]) for name, store in stores.items()}
        for name, store in stores.items():
            took = statistics.median(
                seconds(lambda s=store: s.upsert(JOB_MASTER, many)) for _ in range(3)
            )
            print(f"{name}: {MANY} rows written in {took * 1000:.0f} ms")
        first.upsert(JOB_DEPENDENCY, dependencies(MANY))
        begun = time.perf_counter()
        for start in range(0, log_count, 50_000):
            first.upsert(EXECUTION_LOG, log_rows(start, min(50_000, log_count - start)))
        print(f"execution_log: {log_count} rows, written in {time.perf_counter() - begun:.0f} s")
        spec, parent = spec_of(MANY)
        for name, store in stores.items():
            large = params_ms(store, spec)
            registry = statistics.median(
                seconds(lambda s=store: read_rows(s, "DEV")) for _ in range(3)
            )

            def parents(store: ControlStore = store) -> None:
                with contextlib.suppress(NotReadyError):
                    dates_without_parents(store, spec, [parent], [DAY])

            print(
                f"{name}: params of one job {large:.1f} ms (flat {large / small[name]:.2f}); "
                f"whether its parent has completed {median_ms(parents):.1f} ms; "
                f"registry of {MANY} jobs {registry * 1000:.0f} ms"
            )
            store.close()
        print(load_text())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
