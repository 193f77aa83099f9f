"""The same jobs on one cluster after another: the sample, real claims by day, and a chain."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orch_dagster.settings import REPOSITORY
from tests.claims import JOB as CLAIMS
from tests.claims import read_claims, us_date
from tests.homes import BIZ_DT, Home, new_home
from tests.standalone_cluster import Standalone
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import on_cluster, put, rows_hash

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from orch_dagster.spark.yarn.gateway import YarnClient

SAMPLE = "JOB_1001"
CHAIN = "gels_chain"
_OUT = "out/fdm_landing"
_TABLES = (
    "gels_fpms_t_contract_master", "prism_claims_t_claim", "gels_chain_t_contract",
    "gels_chain_t_product_premium", "gels_chain_t_status_count",
)  # fmt: skip
_EXTRACT = "chainladder/utils/data/prism.csv"


@dataclass(frozen=True)
class Landed:
    """The tables that the jobs landed on one cluster.

    Attributes:
        hashes: The number of rows of each table, and their hash.
        applications: The ids of the applications, of the claims first.
    """

    hashes: Mapping[str, tuple[int, int]]
    applications: tuple[str, ...]


class EqualLandings:
    """A home of these jobs, whose data are here or on HDFS.

    Args:
        home: A folder for it.
        dates: How many dates of claims one application lands.
    """

    def __init__(self, home: Path, dates: int) -> None:
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
        self.days = sorted(reported)[:dates]
        self.home.here("open", "PRISM", "CLAIMS", *self.days)

    def land(self, spark: SparkSession, root: str) -> Landed:
        """Land all of them, whose data root this is; read what is there then."""
        days = [word for day in self.days for word in ("--biz-dt", day)]
        of_claims = self._run(CLAIMS, *days)
        assert len(of_claims) == len(self.days)
        assert len({row["spark_app_id"] for row in of_claims}) == 1
        others = [*self._run(SAMPLE, "--biz-dt", BIZ_DT), *self._run(CHAIN, "--biz-dt", BIZ_DT)]
        hashes = {table: rows_hash(spark, f"{root}/{_OUT}/{table}") for table in _TABLES}
        rows = [of_claims[0], *others]
        return Landed(hashes, tuple(row["spark_app_id"] for row in rows))

    def _run(self, *words: str) -> list[dict[str, Any]]:
        found = self.home.json("run", *words)
        runs = found if isinstance(found, list) else [found]
        rows = [row for run in runs for row in run["execution_log"]]
        assert {row["status"] for row in rows} == {"Completed"}, rows
        return rows


def assert_equal(
    yarn: YarnCluster, client: YarnClient, spark: SparkSession, folder: Path, dates: int
) -> None:
    """The jobs land the same rows here, on a standalone cluster, and on YARN in both modes.

    But here, all is read from HDFS and written there, and no node sees anything of the home.
    """
    landings = EqualLandings(folder / "home", dates)
    home = landings.home
    home.set_params({"spark.master": "local[2]", "spark.ui.enabled": "false"}, {})
    here = landings.land(spark, str(home.folder))
    assert all(each.startswith("local-") for each in here.applications)
    assert all(count for count, _ in here.hashes.values()), here

    root = f"{yarn.url}/{folder.name}"
    put(yarn, home.folder / "data", f"{root}/data")
    for name in _on_clusters(home, yarn, root, folder):
        landed = landings.land(spark, root)
        assert landed.hashes == here.hashes, name
        assert all(each.startswith("app") for each in landed.applications), name
        # The next one finds nothing to replace, so nothing can stay.
        client.delete(f"{root}/out")


def _on_clusters(home: Home, yarn: YarnCluster, root: str, folder: Path) -> Iterator[str]:
    """Have the home's jobs run on each cluster; yield its name."""
    home.environ |= {**yarn.environ, "ORCH_DATA_ROOT": root}
    with Standalone(folder, [home.folder]) as standalone:
        small = {"spark.executor.memory": "512m", "spark.driver.memory": "512m"}
        home.set_params({"spark.master": f"spark://{standalone.address}", **small}, {})
        yield "standalone"
    for mode in ("client", "cluster"):
        on_cluster(home, yarn, root, mode)
        yield mode
