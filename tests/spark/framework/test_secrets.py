"""A job's secrets: options that refer to one, and log lines without any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework import secrets
from framework.errors import ParamsError
from framework.logging import get_logger
from framework.params_loader import parse_params
from framework.readers import read_source
from framework.secrets import mask, moved_back, resolved
from orch_dagster.settings import REPOSITORY
from orch_dagster.text import Masker
from tests.landing_home import Home, sink
from tests.samples import document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JOBS = REPOSITORY / "jobs"
DRIVER = {"driver": "org.apache.derby.jdbc.EmbeddedDriver"}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_SECRETS", "DB_PASSWORD,spark.vault.code,JOB_SECRET_1")
    monkeypatch.setenv("DB_PASSWORD", "hunter2\nhunter-of-two")
    monkeypatch.setenv("JOB_SECRET_1", "literal")
    monkeypatch.setattr(secrets, "_spark_secrets", {})


@pytest.mark.parametrize("text", ["hunter2", "hunter-of-two", "literal", "{0!r} {0}", "%0A"])
def test_the_orchestrator_hides_the_same(text: str) -> None:
    said = f"<{text.format('hunter2' + chr(10) + 'hunter-of-two')}> hunter2%0Ahunter-of-two"
    values = [os.environ["DB_PASSWORD"], os.environ["JOB_SECRET_1"]]
    assert mask(said) == Masker(values)(said)


def test_an_option_that_refers_has_the_variables_value() -> None:
    options = {"user": "env:DB_PASSWORD", "password": "env:JOB_SECRET_1", "url": "jdbc:x"}
    assert resolved(options) == {
        "user": "hunter2\nhunter-of-two", "password": "literal", "url": "jdbc:x",
    }  # fmt: skip
    assert resolved(None) == {}


@pytest.mark.parametrize("value", ["env:", "env:a b", "x env:DB_PASSWORD", "ENV:DB_PASSWORD"])
def test_other_texts_stay(value: str) -> None:
    assert resolved({"x": value}) == {"x": value}


def test_a_secret_that_looks_like_a_reference_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "env:JOB_SECRET_1")
    assert resolved({"password": "env:DB_PASSWORD"}) == {"password": "env:JOB_SECRET_1"}


def test_all_variables_that_are_not_set_are_named() -> None:
    with pytest.raises(ParamsError) as caught:
        resolved({"user": "env:NOT_SET", "password": "env:NOR_THIS", "x": "env:JOB_SECRET_1"})
    assert caught.value.problems == (
        "user is env:NOT_SET, and the environment has no variable NOT_SET",
        "password is env:NOR_THIS, and the environment has no variable NOR_THIS",
    )


def test_a_sys_param_that_was_moved_is_back_in_the_params() -> None:
    broken = document()
    broken["sys_params"] = [
        {"param_key": key, "param_value": value, "param_type": "system"}
        for key, value in [("api.token", "env:JOB_SECRET_1"), ("x", "env:DB_PASSWORD")]
    ]
    params = parse_params(broken, "p.json")
    # Only what the orchestrator itself wrote: a value of the user's own is what it says.
    assert params.system == {"api.token": "literal", "x": "env:DB_PASSWORD"}
    assert moved_back("env:JOB_SECRET_9") == "env:JOB_SECRET_9"


def test_log_lines_are_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "job.log"))
    log = get_logger("a.job")
    log.info("as %s, %s", os.environ["DB_PASSWORD"], {"password": "literal"})
    try:
        raise ValueError("hunter-of-two was refused")
    except ValueError:
        log.exception("failed")
    text = (tmp_path / "job.log").read_text()
    assert "[a.job] as ******, {'password': '******'}\n" in text
    assert "ValueError: ****** was refused\n" in text
    assert "hunter-" not in text


def test_without_names_nothing_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOB_SECRETS")
    assert mask("literal") == "literal"


def test_a_name_that_nothing_has_masks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_SECRETS", "NOT_SET,spark.not.set,")
    assert mask("literal") == "literal"


def test_logging_needs_no_spark() -> None:
    code = (
        "import sys; from framework import get_logger; get_logger('x').info('literal')\n"
        "sys.exit('pyspark' in sys.modules)"
    )
    env = {"PYTHONPATH": str(JOBS), "SYSTEMROOT": "C:\\Windows", "JOB_SECRET_1": "literal"}
    env["JOB_SECRETS"] = "JOB_SECRET_1,spark.vault.code"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("[x] ******\n")


@pytest.mark.spark
def test_a_property_of_the_session_is_masked_from_its_start_to_after_its_end(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the application had when it started.
    conf = spark.sparkContext._conf
    monkeypatch.setattr(conf, "get", {"spark.vault.code": "code-of-the-vault"}.get)
    assert mask("code-of-the-vault") == "******"
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    assert mask("code-of-the-vault") == "******"


@pytest.mark.spark
def test_a_landing_reads_and_writes_tables_by_references(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", f"jdbc:derby:memory:{home.root.name};create=true")
    table = sink("jdbc", "claims", options={"url": "env:DB_URL", "user": "env:DB_USER", **DRIVER})
    home.source("id\n1\n2\n")
    with pytest.raises(ParamsError, match="user is env:DB_USER"):
        home.land(sinks=[table])
    monkeypatch.setenv("DB_USER", "lander")
    assert home.land(sinks=[table]).row_count == 2
    back = home.land(sources=[table], sinks=[sink("orc", "out/u", "biz_dt")])
    assert back.row_count == 2
    rows = read_source(home.spark, "jdbc", "lander.claims", options={"url": "env:DB_URL", **DRIVER})
    assert rows.count() == 2


@pytest.mark.spark
def test_a_landing_writes_and_checks_files_by_references(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPARATOR", ";")
    home.source("id,name\n1,a\n")
    into = sink("csv", "out/c", "biz_dt", options={"sep": "env:SEPARATOR"})
    assert home.land(sinks=[into]).row_count == 1
    assert home.rows("out/c", "csv", sep=";")[0][:2] == ("1", "a")
