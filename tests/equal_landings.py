"""The same jobs on one cluster after another: the sample, real claims by day, and a chain.

EQUAL_DATES is how many dates of claims one application lands (3).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from orch_dagster.settings import REPOSITORY
from tests.claims import JOB as CLAIMS
from tests.claims import read_claims, us_date
from tests.homes import BIZ_DT, new_home
from tests.yarn_homes import rows_hash

if TYPE_CHECKING:
    import pytest
    from pyspark.sql import SparkSession

DATES = int(os.environ.get("EQUAL_DATES", "3"))
SAMPLE = "JOB_1001"
CHAIN = "gels_chain"
_OUT = "out/fdm_landing"
_TABLES = (
    "gels_fpms_t_contract_master", "prism_claims_t_claim", "gels_chain_t_contract",
    "gels_chain_t_product_premium", "gels_chain_t_status_count",
)  # fmt: skip
_EXTRACT = "chainladder/utils/data/prism.csv"

Hashes = Mapping[str, tuple[int, int]]
"""The number of rows of each table, and their hash."""


@dataclass(frozen=True)
class Landed:
    """The tables that the jobs landed on one cluster.

    Attributes:
        hashes: The number of rows of each table, and their hash.
        applications: The ids of the applications, of the claims first.
    """

    hashes: Hashes
    applications: tuple[str, ...]


class EqualLandings:
    """A home of these jobs, whose data are here or on HDFS.

    Args:
        home: A folder for it.
    """

    def __init__(self, home: Path) -> None:
        self.home = new_home(home)
        self.home.here("init", "--sample")
        for example in ("chain", "prism"):
            self.home.here("apply", str(REPOSITORY / "examples" / example / "registry.yaml"))
        extract = home / "data" / "prism" / "prism.csv"
        extract.parent.mkdir()
        shutil.copy(
            str(importlib.metadata.distribution("chainladder").locate_file(_EXTRACT)), extract
        )
        reported = {us_date(claim["ReportDate"]).isoformat() for claim in read_claims(extract)}
        self.days = sorted(reported)[:DATES]
        self.home.here("open", "PRISM", "CLAIMS", *self.days)

    def land(self, spark: SparkSession, root: str) -> Landed:
        """Land all of them, whose data root this is; read what is there then.

        The three commands run at one time, as they wait for containers and executors: one after
        another they took twice as long.
        """
        days = [word for day in self.days for word in ("--biz-dt", day)]
        asked = [(CLAIMS, *days), (SAMPLE, "--biz-dt", BIZ_DT), (CHAIN, "--biz-dt", BIZ_DT)]
        with ThreadPoolExecutor(len(asked)) as threads:
            of_claims, *others = threads.map(self._run, asked)
        assert len(of_claims) == len(self.days)
        assert len({row["spark_app_id"] for row in of_claims}) == 1
        rows = [of_claims[0], *(row for rows in others for row in rows)]
        assert len(rows) == len(_TABLES)
        hashes = {table: rows_hash(spark, f"{root}/{_OUT}/{table}") for table in _TABLES}
        return Landed(hashes, tuple(row["spark_app_id"] for row in rows))

    def _run(self, words: tuple[str, ...]) -> list[dict[str, Any]]:
        found = self.home.json("run", *words)
        runs = found if isinstance(found, list) else [found]
        rows = [row for run in runs for row in run["execution_log"]]
        assert {row["status"] for row in rows} == {"Completed"}, rows
        return rows


def landed_here(spark: SparkSession, factory: pytest.TempPathFactory) -> Hashes:
    """Land all of them on this machine, once for the test processes of a call; return the hashes.

    What lands elsewhere, from HDFS and to it, has to be equal to them.
    """
    own = factory.getbasetemp()
    of_call = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    file = of_call / "landed_here.json"
    with FileLock(of_call / "landed_here.lock"):
        if not file.exists():
            landings = EqualLandings(factory.mktemp("here") / "home")
            properties = {"spark.master": "local[2]", "spark.ui.enabled": "false"}
            landings.home.set_params(properties, {})
            landed = landings.land(spark, str(landings.home.folder))
            assert all(each.startswith("local-") for each in landed.applications)
            assert all(count for count, _ in landed.hashes.values()), landed
            file.write_text(json.dumps(landed.hashes), encoding="utf-8")
        found = json.loads(file.read_text(encoding="utf-8"))
    return {table: (count, total) for table, (count, total) in found.items()}
