"""Landings from and to a real Kudu, by spark-submit with the connector's jar."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.settings import REPOSITORY
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_home, kudu_spark_jar
from tests.samples import DATE, document

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

JOBS = REPOSITORY / "jobs"
SUBMIT = Path(sys.executable).parent / ("spark-submit.cmd" if os.name == "nt" else "spark-submit")
TABLE = "claims"
CSV = {"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}
NEXT_DATE = "2024-05-16"


@dataclass
class Bench:
    """A data root, a Kudu with the table, and spark-submit."""

    cluster: KuduCluster
    root: Path

    @property
    def masters(self) -> str:
        return ",".join(self.cluster.masters)

    def claims(self, biz_dt: str, *rows: str) -> None:
        (self.root / "in").mkdir(exist_ok=True)
        (self.root / "in" / f"{biz_dt}.csv").write_text("\n".join(["id,amount", *rows]) + "\n")

    def land(self, job: str, *conf: str, **context: Any) -> subprocess.CompletedProcess[str]:
        from dagster_pipes import encode_param

        (self.root / "job.py").write_text(job)
        (self.root / "p.json").write_text(json.dumps(document(**context)), encoding="utf-8")
        (self.root / "messages").write_text("")
        (self.root / "context").write_text('{"asset_keys": null, "run_id": "r", "extras": {}}')
        env = os.environ | {
            "JOB_PARAMS_FILE": str(self.root / "p.json"), "JOB_BASE_DIR": str(self.root),
            "JOB_SQL_DIR": str(self.root),
            "PYTHONPATH": str(JOBS), "PYSPARK_PYTHON": sys.executable,
            "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(self.root / "context")}),
            "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(self.root / "messages")}),
        }  # fmt: skip
        argv = [str(SUBMIT), "--master", "local[2]", "--jars", str(kudu_spark_jar())]
        for each in ("spark.ui.enabled=false", f"spark.sql.warehouse.dir={self.root}/wh", *conf):
            argv += ["--conf", each]
        return subprocess.run(
            [*argv, str(self.root / "job.py")],
            env=env, cwd=self.root, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def reported(self) -> list[dict[str, Any]]:
        """The landings that the job reported."""
        payloads = [message["payload"] for message in self._messages("report_custom_message")]
        return [payload for payload in payloads if payload["kind"] == "landing"]

    def exception(self) -> dict[str, Any]:
        """What the job closed its channel with."""
        (closed,) = self._messages("closed")
        return closed["exception"]

    def _messages(self, method: str) -> list[dict[str, Any]]:
        lines = (self.root / "messages").read_text().splitlines()
        return [
            message["params"] for line in lines if (message := json.loads(line))["method"] == method
        ]

    def kudu(self, *words: str) -> str:
        """What Kudu's own command says."""
        lib = kudu_home() / "lib"
        done = subprocess.run(
            [str(kudu_home() / "bin" / "kudu"), *words],
            env={**os.environ, "LD_LIBRARY_PATH": str(lib), "SASL_PATH": str(lib / "sasl2")},
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self) -> list[str]:
        """The table's rows, read by Kudu's own command."""
        return sorted(
            line
            for line in self.kudu("table", "scan", self.masters, TABLE).splitlines()
            if line.startswith("(")
        )


@pytest.fixture(scope="module")
def cluster() -> Iterator[KuduCluster]:
    with kudu_cluster() as started:
        yield started


@pytest.fixture
def bench(cluster: KuduCluster, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(cluster, tmp_path)
    column = {"column_type": "STRING", "is_nullable": False}
    description = {
        "table_name": TABLE,
        "schema": {
            "columns": [{"column_name": name, **column} for name in ("id", "amount")],
            "key_column_names": ["id"],
        },
        "partition": {"hash_partitions": [{"columns": ["id"], "num_buckets": 2, "seed": 1}]},
    }
    made.kudu("table", "create", made.masters, json.dumps(description))
    yield made
    made.kudu("table", "delete", made.masters, TABLE, "-reserve_seconds=0")


LOOKS_AND_LANDS = """
from framework import get_spark, read_source, run_landing

found = read_source(get_spark(), "KUDU", "claims").where("amount = '9'")
print(found._jdf.queryExecution().executedPlan().toString())
run_landing()
"""
HQL = """
SELECT id, amount FROM row1 UNION ALL SELECT concat(id, 'x'), amount FROM row2 WHERE id = '1'
"""


def test_rows_go_to_kudu_by_their_key_and_come_back_filtered(bench: Bench) -> None:
    """Two dates: the second changes a row of the first and reads another of them back."""
    bench.claims(DATE, "1,5", "2,7")
    bench.claims(NEXT_DATE, "2,9", "3,8")
    (bench.root / "x.hql").write_text(HQL)
    # By the short name with masters of its own, and by the full one with the session's.
    source = {"format": "kudu", "path": TABLE, "options": {"kudu.master": bench.masters}}
    sink = {"format": "org.apache.kudu.spark.kudu", "options": {"kudu.table": TABLE}}
    orc = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
    done = bench.land(
        LOOKS_AND_LANDS, f"spark.kudu.master={bench.masters}",
        biz_dts=(DATE, NEXT_DATE), sources=[CSV, source], sinks=[{**orc}, sink], hql="x.hql",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "PushedFilters: [*EqualTo(amount,9)]" in done.stdout
    first, second = bench.reported()
    assert (first["row_count"], second["row_count"]) == (2, 3)
    assert second["sinks"][0]["files"] >= 1
    assert second["sinks"][1] == {
        "path": TABLE, "format": sink["format"], "files": None, "size_bytes": None,
    }  # fmt: skip
    assert bench.rows() == [
        '(string id="1", string amount="5")',
        '(string id="1x", string amount="5")',
        '(string id="2", string amount="9")',
        '(string id="3", string amount="8")',
    ]


TRIES_AND_LANDS = """
from framework import get_spark, read_source, run_landing
from framework.writers import append_to_table

spark, away = get_spark(), {"kudu.master": MASTERS, "kudu.table": "nowhere"}
for attempt in (
    lambda: read_source(spark, "kudu", "", options=away),
    lambda: append_to_table(spark.range(1), "kudu", "", options=away),
    lambda: read_source(spark, "kudu", "claims"),
):
    try:
        attempt()
    except Exception as error:
        print(type(error).__name__, str(error))
run_landing()
"""


def test_tables_and_masters_that_are_not_there_are_named(bench: Bench) -> None:
    # A source's file is missing too: the masters are looked at before anything is.
    missing = {"format": "csv", "path": "s3a://nowhere/x.csv"}
    done = bench.land(
        TRIES_AND_LANDS.replace("MASTERS", repr(bench.masters)),
        sources=[missing, {"format": "Kudu", "path": TABLE}],
        sinks=[{"format": "kudu", "path": "u"}],
    )  # fmt: skip
    assert done.returncode != 0
    assert (
        done.stdout.count('NonRecoverableException: the table does not exist: table_name: "now')
        == 2
    )
    assert "ParamsError table claims: 1 problem:\n  - names no masters of Kudu: put " in done.stdout
    error = bench.exception()
    assert error["name"] == "ParamsError"
    for place in ("sources[1]: Kudu claims", "sinks[0]: kudu u"):
        assert (
            f"{place} names no masters of Kudu: put `options: {{kudu.master: HOST:7051}}`"
            in (error["message"])
        )
    assert "spark.kudu.master" in error["message"]
