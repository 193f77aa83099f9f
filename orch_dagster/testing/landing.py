"""Run landing jobs and HQL files on what a test gives, in a data root of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.contract import variables
from orch_dagster.bundle.bundle import ParamBundle, write_bundle
from orch_dagster.registry.context_params import ContextParams
from orch_dagster.settings import Settings
from orch_dagster.testing.errors import KitError
from orch_dagster.testing.given import CSV_TEXT, FRAME, Given, frame_of, frame_of_text, put
from orch_dagster.testing.places import at, own_sinks, own_source, read_sinks
from orch_dagster.testing.registry import JobRows, Rows, job_rows, properties_of_all
from orch_dagster.testing.result import Landed, Result
from orch_dagster.testing.script import environment_of, run_script
from orch_dagster.testing.spark import session_with

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from framework.report import LandingReport

_VIEW = re.compile(r"row([1-9][0-9]*)")


class Landing:
    """The fixture `landing`.

    The jobs of a test share its data root, so a job can read what its parent landed.

    Attributes:
        spark: A session of the test's own.
        root: The data root, where relative paths of sources and sinks start; absolute ones and
            URLs are moved below it.
    """

    def __init__(self, spark: SparkSession, root: Path, *, rows: Rows, settings: Settings) -> None:
        self.spark = spark
        self.root = root
        self._rows = rows
        self._settings = settings
        self._runs = 0

    def job(
        self,
        job_name: str,
        *,
        biz_dt: str | date,
        context: Mapping[str, Any] | None = None,
        process_control: Mapping[str, str | None] | None = None,
        sys_params: Mapping[str, str] | None = None,
        **given: Given,
    ) -> Landed:
        """Run a job for a date, and return what it landed.

        Except for the places that it reads and writes, the run is the real one: the script of the
        job's row, its formats and options, its HQL, checks and publishing, and the sys_params that
        the registry has for it.

        Args:
            job_name: The job_name of a row of landing_registry.
            biz_dt: The date; it need not be open.
            context: context_params in place of the row's; with them, no row is needed.
            process_control: Columns of the date's row, such as start_dt; by default the registry's
                row of the date, else a window of that one day.
            sys_params: param_key to param_value, on top of those of the registry.
            given: row1, row2, …: the sources, each as the content of a file (text or bytes), a
                Path to copy, rows by column name, or a frame. A source that is not given is read
                from its path below `root`.

        Raises:
            KitError: If the kit can't do what is asked.
            FrameworkError: If the job failed; its other exceptions pass unchanged too.
            SystemExit: If its script exits with a code other than 0.
        """
        job = job_rows(self._rows, job_name, context, self._settings)
        run_id, folder = self._new_run()
        moved = self._moved(job, given, folder)
        bundle = moved.bundle(
            run_id=run_id,
            biz_dt=_iso(biz_dt),
            environment=self._settings.env,
            process_control=process_control or {},
            sys_params=sys_params or {},
        )
        spark = session_with(self.spark, bundle.params_of_type("spark"))
        params_file = write_bundle(bundle, folder / "params")
        environment = {**self._variables(), variables.PARAMS_FILE: str(params_file)}
        from framework.catalog import tables_of_its_own

        with tables_of_its_own(spark):
            reports = run_script(spark, self._script(job), environment)
        return _landed(spark, bundle, reports)

    def hql(
        self,
        file: str,
        *,
        biz_dt: str | date,
        variables: Mapping[str, str] | None = None,
        sys_params: Mapping[str, str] | None = None,
        **given: Given,
    ) -> Result:
        """Run an HQL file alone, and return the result of its last query.

        Args:
            file: The file, relative to ORCH_HQL_DIR.
            biz_dt: `${hivevar:biz_dt}`; start_dt and end_dt are the same unless `variables` has
                them.
            variables: More variables, such as entity.
            sys_params: Spark properties, on top of those that the registry has for all jobs.
            given: row1, row2, …: text is CSV with a header and strings in all columns; the other
                forms are those of `job`.

        Raises:
            KitError: If the kit can't do what is asked.
            HqlError: If the file is missing, a variable is not set, or Spark refuses a statement.
        """
        from framework.catalog import tables_of_its_own
        from framework.hql import exec_hql, load_script

        run_id, folder = self._new_run()
        day, environment = _iso(biz_dt), self._settings.env
        properties = properties_of_all(self._rows, environment, sys_params or {})
        spark = session_with(self.spark, properties)
        filled = {"biz_dt": day, "start_dt": day, "end_dt": day}
        filled |= {"run_id": run_id, "environment": environment, **(variables or {})}
        for name, each in given.items():
            _place(name, None, file)
            self._rows_in(spark, each, folder, name).createOrReplaceTempView(name)
        with environment_of(self._variables()), tables_of_its_own(spark):
            frame = exec_hql(spark, file, filled)
            if len(load_script(file).statements) > 1:
                # It may read a table of the file's own, which is about to go.
                frame = frame.localCheckpoint()
            return Result.of(frame)

    def _rows_in(self, spark: SparkSession, given: Given, folder: Path, name: str) -> DataFrame:
        """Return the given rows as a frame of this session."""
        from pyspark.sql import DataFrame

        from framework.readers import read_source

        is_file = isinstance(given, str | bytes | Path)
        if not is_file and not isinstance(given, DataFrame):
            return frame_of(spark, given, None, what=name)
        source = put(self.spark, given, CSV_TEXT if is_file else FRAME, folder, name)
        options = {key: str(value) for key, value in source.options.items()}
        return read_source(spark, source.format, source.path, options=options)

    def frame(
        self,
        rows: str | Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]],
        schema: str | None = None,
    ) -> DataFrame:
        """Make a frame to give as a source.

        Args:
            rows: Rows by column name, where an absent column is null; tuples in the order of the
                schema; or CSV text with a header. Datetimes are in the time zone of `spark`.
            schema: Spark's DDL (`id INT, premium DECIMAL(18, 2)`); without it the types are
                inferred from the values, and text has strings only.

        Raises:
            KitError: If the rows do not fit the schema, or a type can't be inferred.
        """
        if not isinstance(rows, str):
            return frame_of(self.spark, rows, schema, what="frame")
        _, folder = self._new_run()
        return frame_of_text(self.spark, rows, schema, folder)

    def _new_run(self) -> tuple[str, Path]:
        self._runs += 1
        folder = self.root.with_name(f"{self.root.name}_given") / str(self._runs)
        folder.mkdir(parents=True)
        self.root.mkdir(exist_ok=True)
        return f"kit-{self._runs}", folder

    def _variables(self) -> dict[str, str]:
        own, *more = map(str, self._settings.hql_path)
        return {
            variables.BASE_DIR: str(self.root),
            variables.SQL_DIR: own,
            variables.MORE_SQL_DIRS: os.pathsep.join(more),
        }

    def _script(self, job: JobRows) -> Path | None:
        if not job.has_script:
            return None
        if "://" in job.spec.script_path:
            raise KitError(
                f"{job.spec.job_name}: the script is at {job.spec.script_path}, and the kit runs "
                "files of ORCH_JOBS_DIR only; give context= to run the landing without its script"
            )
        return self._settings.script_file(job.spec.script_path)

    def _moved(self, job: JobRows, given: Mapping[str, Given], folder: Path) -> JobRows:
        """Return the job reading what is given, with all other places moved below `root`."""
        context = job.spec.context
        by_place = {_place(name, context, job.spec.job_name): each for name, each in given.items()}
        sources = [
            at(put(self.spark, by_place[place], source, folder, f"row{place + 1}"))
            if place in by_place
            else own_source(source, f"row{place + 1}")
            for place, source in enumerate(context.sources)
        ]
        return job.with_places(tuple(sources), own_sinks(context.sinks, job.spec.job_name))


def _place(name: str, context: ContextParams | None, where: str) -> int:
    """Return the index of a source from its view's name."""
    match = _VIEW.fullmatch(name)
    if match is None:
        raise KitError(f"{where}: {name} is not a source; the sources are row1, row2, …")
    place = int(match[1]) - 1
    if context is not None and place >= len(context.sources):
        raise KitError(f"{where} has {len(context.sources)} sources, so {name} is not one of them")
    return place


def _iso(biz_dt: str | date) -> str:
    return (date.fromisoformat(biz_dt) if isinstance(biz_dt, str) else biz_dt).isoformat()


def _landed(spark: SparkSession, bundle: ParamBundle, reports: Sequence[LandingReport]) -> Landed:
    spec = bundle.spec
    if not spec.has_sinks:
        return Landed((), None)
    if not reports:
        raise KitError(
            f"{spec.job_name} has sinks, but {spec.script_path} ended without a landing: such a "
            "run fails. Call run_landing in it, or take the sinks out of context_params"
        )
    report = reports[-1]
    return Landed(tuple(read_sinks(spark, spec.context.sinks, report)), report)
