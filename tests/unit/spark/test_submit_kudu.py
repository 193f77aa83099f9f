"""What a job gets for its tables of Kudu: the connector's jar, and the control store's masters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.records import SysParam
from orch_dagster.settings import Settings
from orch_dagster.spark.job_submit import JobSubmit, prepare_job
from orch_dagster.toolchain.errors import JarError
from orch_dagster.toolchain.jars import KUDU_JAR_VARIABLE
from tests.arguments import arguments
from tests.bundles import job_bundle

CSV = {"format": "csv", "path": "in/{biz_dt}.csv"}
KUDU = {"format": "KUDU", "path": "claims"}
ORC = {"format": "orc", "path": "out/{biz_dt}"}
STORE = "kudu://m1:7051,m2,m3:7151?driver=jvm"
MASTERS = "m1:7051,m2:7051,m3:7151"


def bundle(sources: list[dict[str, Any]], sinks: list[dict[str, Any]], **spark: str) -> ParamBundle:
    params = [SysParam(key, "DEV", "*", value, "spark") for key, value in spark.items()]
    return job_bundle({"sources": sources, "sinks": sinks}, params)


@pytest.fixture
def jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the jar's place, named relative to the working folder, which is not the job's."""
    path = tmp_path / "connector.jar"
    path.touch()
    monkeypatch.chdir(tmp_path)
    return path


def submitted(bundle: ParamBundle, settings: Settings, url: str, **environ: str) -> list[str]:
    """The argv, each `--conf` as one word of it."""
    home = settings.home
    job = JobSubmit(
        bundle, Secrets(), home / "p.json", home / "p.properties", log_file=home / "job.log"
    )
    command = prepare_job(
        job,
        settings.model_copy(update={"control_url": url}),
        pipes_env={},
        environ={**os.environ, KUDU_JAR_VARIABLE: "connector.jar", **environ},
    )
    return arguments(command)


def jars(argv: list[str]) -> list[str]:
    return argv[argv.index("--jars") + 1].split(",") if "--jars" in argv else []


def masters(argv: list[str]) -> list[str]:
    return [word for word in argv if word.startswith("spark.kudu.master=")]


@pytest.mark.parametrize(
    ("sources", "sinks"),
    [([KUDU], [ORC]), ([CSV], [ORC, {"format": "kudu", "options": {"kudu.table": "t"}}])],
)
def test_a_table_of_kudu_brings_the_jar_and_the_stores_masters(
    sources: list[dict[str, Any]], sinks: list[dict[str, Any]], settings: Settings, jar: Path
) -> None:
    argv = submitted(bundle(sources, sinks), settings, STORE)
    assert jars(argv) == [str(jar)]
    assert masters(argv) == [f"spark.kudu.master={MASTERS}"]


def test_the_connectors_full_name_does_too(settings: Settings, jar: Path) -> None:
    full = {"format": "org.apache.kudu.spark.kudu", "path": "claims"}
    own = {"spark.jars": "/opt/own.jar"}
    argv = submitted(bundle([full], [ORC], **own), settings, STORE)
    assert jars(argv) == [str(jar), "/opt/own.jar"]


def test_masters_of_the_job_come_before_the_stores(settings: Settings, jar: Path) -> None:
    made = bundle([KUDU], [ORC], **{"spark.kudu.master": "other:7051"})
    assert masters(submitted(made, settings, STORE)) == ["spark.kudu.master=other:7051"]


def test_masters_of_spark_defaults_come_before_the_stores(settings: Settings, jar: Path) -> None:
    (jar.parent / "spark-defaults.conf").write_text("spark.kudu.master other:7051\n")
    conf_dir = str(jar.parent)
    given = masters(submitted(bundle([KUDU], [ORC]), settings, STORE, SPARK_CONF_DIR=conf_dir))
    # A file of properties, as on Windows, repeats them.
    assert given in ([], ["spark.kudu.master=other:7051"])


def test_another_store_has_no_masters_to_give(settings: Settings, jar: Path) -> None:
    argv = submitted(bundle([KUDU], [ORC]), settings, "sqlite:///.orch/control.db")
    assert jars(argv) == [str(jar)]
    assert masters(argv) == []


def test_a_job_without_a_table_of_kudu_gets_neither(settings: Settings, jar: Path) -> None:
    argv = submitted(bundle([CSV], [ORC]), settings, STORE)
    assert jars(argv) == masters(argv) == []


def test_a_jar_that_is_not_there_is_said_before_the_start(settings: Settings, jar: Path) -> None:
    with pytest.raises(JarError, match=KUDU_JAR_VARIABLE):
        submitted(bundle([KUDU], [ORC]), settings, STORE, **{KUDU_JAR_VARIABLE: "gone.jar"})
