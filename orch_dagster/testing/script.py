"""Run a job's script in this process, in the environment that spark-submit would give it."""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework.contract import variables
from framework.contract.spark_defaults import TIME_ZONE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from framework.report import LandingReport


def run_script(
    spark: SparkSession, script: Path | None, environment: Mapping[str, str]
) -> list[LandingReport]:
    """Run a script to its end, and return its reports of landings.

    Args:
        spark: The session that the script gets; the script can't stop it.
        script: The file; None to run a landing as landing.py does.
        environment: The variables of the job's contract.

    Raises:
        SystemExit: If the script exits with a code other than 0.
    """
    with _as_submitted(spark, environment) as (patch, reports):
        if script is None:
            from framework import run_landing

            run_landing()
            return reports
        patch.setattr(sys, "argv", [str(script)])
        patch.syspath_prepend(str(script.parent))
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as exit_:
            if exit_.code not in (None, 0):
                raise
        return reports


@contextmanager
def environment_of(environment: Mapping[str, str]) -> Generator[pytest.MonkeyPatch]:
    """Set the variables of a job, without a log file or report channel; restore all afterwards.

    Python's own times are in the time zone of runs meanwhile; on Windows they stay the machine's.
    """
    before = dict(os.environ)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in (variables.LOG_FILE, variables.PIPES_CONTEXT, variables.PIPES_MESSAGES):
                patch.delenv(name, raising=False)
            for name, value in {"TZ": TIME_ZONE, **environment}.items():
                patch.setenv(name, value)
            _read_time_zone()
            yield patch
    finally:
        # Restores what the script itself has set too.
        for name in [name for name in os.environ if name not in before]:
            del os.environ[name]
        os.environ.update(before)
        _read_time_zone()


def _read_time_zone() -> None:
    """Have Python read TZ again; it can't on Windows."""
    if sys.platform != "win32":
        time.tzset()


@contextmanager
def _as_submitted(
    spark: SparkSession, environment: Mapping[str, str]
) -> Generator[tuple[pytest.MonkeyPatch, list[LandingReport]]]:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    from framework import report

    reports: list[LandingReport] = []
    with environment_of(environment) as patch:
        patch.setattr(report, "landing", reports.append)
        # The builder returns this one, to get_spark and to a script's own call.
        patch.setattr(SparkSession, "_instantiatedSession", spark)
        for owner in (SparkSession, SparkContext):
            patch.setattr(owner, "stop", _ignore_stop)
        yield patch, reports


def _ignore_stop(_: object) -> None:
    """Keep the Spark running, as the tests share it."""
