"""Jobs in the kit: what of a run is real, what is moved, and what the test is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.errors import HqlError, SourceNotFoundError
from orch_dagster.control.tables import Row
from orch_dagster.kit import KitError, Landing
from orch_dagster.registry.context_params import BadRecords, Source
from orch_dagster.testing.places import at, below_root, own_source
from orch_dagster.testing.registry import read_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATE = "2024-05-15"
JOB = "etl_lnd_acme_crm_t_customer"
SOURCE = {"format": "csv", "path": "in/{start_dt}.csv", "options": {"header": True}}
SINK = {"format": "orc", "path": "out/customer", "partition_cols": ["biz_dt"]}
SCRIPT = """
import os, sys
from beside import NAME
from framework import get_spark, load_params
from pyspark.sql import SparkSession

params = load_params()
assert sys.argv == [__file__] and os.environ["JOB_BASE_DIR"]
os.environ["LEFT_BEHIND"] = NAME
spark = get_spark("mine")
assert SparkSession.builder.getOrCreate() is spark
shout = spark.sparkContext.parallelize([NAME]).map(lambda name: NAME.upper() + name)
row = (shout.first(), str(params.biz_dt), spark.conf.get("spark.sql.shuffle.partitions"))
spark.createDataFrame([row], "name STRING, day STRING, parts STRING").write.orc(
    "file://" + os.environ["JOB_BASE_DIR"] + "/out/script"
)
spark.stop()
spark.sparkContext.stop()
sys.exit({code})
"""


@pytest.mark.spark
class TestAJobOfItsOwn:
    """Jobs of a folder that a team has made, with scripts of its own."""

    @pytest.fixture
    def jobs_dir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "jobs"
        folder.mkdir()
        (folder / "beside.py").write_text("NAME = 'x'\n")
        monkeypatch.setenv("ORCH_JOBS_DIR", str(folder))
        return folder

    @pytest.fixture
    def landing_registry(
        self, jobs_dir: Path, tmp_path: Path
    ) -> Sequence[Path | Mapping[str, Sequence[Row]]]:
        yaml = tmp_path / "registry.yaml"
        yaml.write_text(
            f"job_master: [{{job_id: J1, job_name: {JOB}, script_path: own.py,\n"
            "  context_params: {sources: [{format: csv, path: in}]}}]\n"
            "job_dependency: [{dependent_job_id: J1, dependent_job_name: x, parent_job_id: J0}]\n"
        )
        settings = [
            {
                "param_key": "spark.sql.shuffle.partitions",
                "environment": "DEV",
                "key_name": name,
                "param_value": value,
                "param_type": "spark",
            }
            for name, value in {"*": "7", "acme_crm": "5"}.items()
        ]
        return [yaml, {"sys_params": settings}]

    def test_its_script_runs_and_ends_without_ending_the_spark(
        self, jobs_dir: Path, landing: Landing
    ) -> None:
        (jobs_dir / "own.py").write_text(SCRIPT.replace("{code}", "0"))
        before = (dict(os.environ), list(sys.path), list(sys.argv))
        landed = landing.job(JOB, biz_dt=DATE)

        assert (dict(os.environ), list(sys.path), list(sys.argv)) == before
        written = landing.spark.read.orc(str(landing.root / "out" / "script"))
        assert [tuple(row) for row in written.collect()] == [("Xx", DATE, "5")]
        assert landing.spark.conf.get("spark.sql.shuffle.partitions") == "2"
        assert landed.report is None
        with pytest.raises(KitError, match="has no sinks: read what its script wrote"):
            _ = landed.rows

    def test_what_ends_the_script_ends_the_test(self, jobs_dir: Path, landing: Landing) -> None:
        (jobs_dir / "own.py").write_text("import sys\nsys.exit('no claims today')\n")
        with pytest.raises(SystemExit, match="no claims today"):
            landing.job(JOB, biz_dt=DATE)
        (jobs_dir / "own.py").write_text("raise LookupError('no rate for XAU')\n")
        with pytest.raises(LookupError, match="no rate for XAU"):
            landing.job(JOB, biz_dt=DATE)
        (jobs_dir / "own.py").write_text("")
        with pytest.raises(KitError, match=r"has sinks, but own\.py ended without a landing"):
            landing.job(JOB, biz_dt=DATE, context={"sources": [SOURCE], "sinks": [SINK]})


@pytest.mark.spark
def test_nothing_is_read_or_written_elsewhere(landing: Landing, tmp_path: Path) -> None:
    options = {"url": "jdbc:derby:memory:absent;create=false"}
    sinks = [
        {"format": "csv", "path": f"{tmp_path}/elsewhere/{{biz_dt:%Y%m%d}}"},
        {"format": "jdbc", "path": "claims", "options": options},
        {"format": "parquet", "path": "hdfs://nn:8020/land", "partition_cols": ["biz_dt", "id"]},
    ]
    landed = landing.job(
        JOB, biz_dt=DATE, context={"sources": [SOURCE], "sinks": sinks}, row1="id,name\n1,a\n"
    )

    assert landed.columns == {"id": "string", "name": "string"}
    assert landed.rows == [{"id": "1", "name": "a"}]
    # The jdbc sink's rows keep their types, as the table would get them.
    assert landed.sinks[1].rows == landed.rows
    (row,) = landed.sinks[2].rows
    assert (str(row["id"]), row["name"], str(row["biz_dt"])) == ("1", "a", DATE)
    assert landed.report is not None
    assert [Path(sink.path).is_relative_to(landing.root) for sink in landed.report.sinks] == [
        True
    ] * 3
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.spark
def test_a_source_that_is_not_given_is_read_below_the_root(landing: Landing) -> None:
    given = {"sources": [SOURCE], "sinks": [SINK]}
    with pytest.raises(SourceNotFoundError) as refused:
        landing.job(JOB, biz_dt=DATE, context=given, process_control={"start_dt": "2024-05-01"})
    assert refused.value.locations == ((landing.root / "in" / "2024-05-01.csv").as_posix(),)

    (landing.root / "in").mkdir()
    (landing.root / "in" / "2024-05-01.csv").write_text("id\n1\n")
    landed = landing.job(
        JOB, biz_dt=DATE, context=given, process_control={"start_dt": "2024-05-01"}
    )
    assert landed.rows == [{"id": "1", "biz_dt": DATE}]


@pytest.mark.spark
def test_what_spark_or_the_hql_refuses_comes_as_it_is(
    landing: Landing, landing_spark: SparkSession
) -> None:
    with pytest.raises(HqlError, match=r"no_such\.hql: no such file"):
        landing.hql("no_such.hql", biz_dt=DATE)
    properties = {"spark.sql.shuffle.partitions": "many"}
    with pytest.raises(Exception, match=r"spark\.sql\.shuffle\.partitions should be int"):
        landing.hql("no_such.hql", biz_dt=DATE, sys_params=properties)
    assert landing_spark.conf.get("spark.sql.shuffle.partitions") == "2"
    with pytest.raises(ValueError, match=r"15\.05\.2024"):
        landing.hql("no_such.hql", biz_dt="15.05.2024")


@pytest.mark.spark
def test_an_unknown_job_names_those_there_are(landing: Landing) -> None:
    with pytest.raises(
        KitError, match=r"no job x among those of landing_registry \(.*_t_claim\): "
    ):
        landing.job("x", biz_dt=DATE)
    with pytest.raises(KitError, match=f"context of {JOB}: sources: needs at least one"):
        landing.job(JOB, biz_dt=DATE, context={"sinks": [SINK]})
    chain: dict[str, Any] = {"sinks": [{"format": "orc", "path": "out"}]}
    with pytest.raises(KitError, match=r"job_id=JOB_2001\): .*put biz_dt first in partition_cols"):
        landing.job("etl_lnd_gels_chain_t_contract", biz_dt=DATE, context=chain)


def test_a_registry_that_cannot_be_read_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("job_masters: []\n")
    (tmp_path / "worse.yaml").write_text("job_master: [")
    with pytest.raises(KitError) as refused:
        read_rows([tmp_path / "bad.yaml", tmp_path / "worse.yaml"])
    assert "job_masters is not a table" in str(refused.value)
    assert "worse.yaml:1: not usable YAML" in str(refused.value)
    with pytest.raises(KitError, match=r"no such file: .*none\.yaml"):
        read_rows([tmp_path / "none.yaml"])


def test_bad_records_go_below_the_root_too() -> None:
    source = Source("csv", "in.csv", bad_records=BadRecords(3, "s3a://bad/{biz_dt}"))
    for moved in (own_source(source, "row1"), at(source)):
        assert isinstance(moved, Source)
        assert moved.bad_records == BadRecords(limit=3, path="bad/{biz_dt}")


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("data/{biz_dt:%Y/%m}/x.csv", "data/{biz_dt:%Y/%m}/x.csv"),
        ("/land/x/", "land/x"),
        ("../../x", "x"),
        ("hdfs://nn:8020/land", "nn_8020/land"),
        ("file:///land", "land"),
        ("file:/land", "land"),
        ("C:\\land\\x", "land/x"),
        ("C:/land", "land"),
    ],
)
def test_a_path_is_the_same_one_below_the_root(path: str, inside: str) -> None:
    assert below_root(path) == inside
