"""Analyze the HQL of many jobs, parents first, in one session and without data.

A source's columns are those that its job's sink would get, else its `schema`, else those of the
files that are there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.contract import variables
from framework.contract.context_params import BIZ_DT
from framework.contract.formats import format_of
from framework.contract.hql_finding import HqlFinding
from framework.contract.paths import base_location, is_local
from framework.errors import FrameworkError, HqlError, ParamsError
from framework.hql_analysis import analyze_script
from framework.land.staging import shape
from framework.params_loader import parse_params
from framework.plan import Plan, PlannedSink, PlannedSource, plan_landing
from framework.read.null_tokens import read_records
from framework.session import session_of_its_own
from framework.storage.routed import RoutedFileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_SESSION_PROPERTY = "spark.sql."


@dataclass
class JobAnalysis:
    """The analysis of jobs, each of which may read what an earlier one lands.

    Args:
        spark: A session without a warehouse that matters.
        base: Where relative paths start.
    """

    spark: SparkSession
    base: str

    def __post_init__(self) -> None:
        self._landed: dict[tuple[str, str], tuple[PlannedSink, StructType]] = {}

    def findings(self, document: Any) -> list[HqlFinding]:
        """Analyze one job by its params document."""
        name = str(document["metadata"]["job_name"])
        try:
            params = parse_params(document, name)
            plan = plan_landing(params, params.biz_dt, self.base)
        except ParamsError as error:
            return [HqlFinding(name, problem) for problem in error.problems]
        except HqlError as error:
            return [_of_hql(name, error)]
        session = session_of_its_own(self.spark)
        _set_properties(session, document)
        found: list[HqlFinding] = []
        is_known = [self._open(session, name, each, found) for each in plan.sources]
        if not all(is_known):
            return found
        result: StructType | None = None
        if plan.script is None:
            result = session.table(plan.sources[0].view).schema
        else:
            analysis = analyze_script(session, plan.script, plan.variables)
            found += [_of_hql(name, fault) for fault in analysis.faults]
            found += [_of_hql(name, note, is_note=True) for note in analysis.notes]
            result = analysis.result
        if result is not None:
            found += self._land(session, name, plan, result)
        return found

    def _open(
        self, session: SparkSession, name: str, planned: PlannedSource, found: list[HqlFinding]
    ) -> bool:
        """Make a source an empty view; return whether its columns are known."""
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        source = planned.source
        where = f"{planned.view} ({source.format} {planned.location})"
        try:
            schema = self._schema(session, planned)
        except (PySparkException, Py4JJavaError, FrameworkError, OSError) as error:
            reason = str(error).strip()
            is_fault = source.schema is not None
            text = f"{where}: its schema is refused: {reason}"
            found.append(
                HqlFinding(
                    name, text if is_fault else _unknown(where, reason), is_note=not is_fault
                )
            )
            return False
        if schema is None:
            reason = "it has no `schema`, no job lands it, and there are no such files here"
            found.append(HqlFinding(name, _unknown(where, reason), is_note=True))
            return False
        session.createDataFrame([], schema).createOrReplaceTempView(planned.view)
        return True

    def _schema(self, session: SparkSession, planned: PlannedSource) -> StructType | None:
        source = planned.source
        given = session.createDataFrame([], source.schema).schema if source.schema else None
        if source.is_table:
            landed = self._landed.get((source.format, planned.location))
            return given or (landed[1] if landed else None)
        if (landed_here := self._landed_at(planned)) is not None:
            if given is None:
                return landed_here[0]
            names = {name.lower() for name in given.names}
            return _with(given, [each for each in landed_here[1] if each.name.lower() not in names])
        if is_local(planned.location) and RoutedFileSystem().matches(planned.location):
            return read_records(session, planned, with_raw=False).schema
        return given

    def _landed_at(self, planned: PlannedSource) -> tuple[StructType, list[Any]] | None:
        """Return the columns that a job lands there, and which of them are partition columns."""
        location = planned.location.rstrip("/")
        for (form, root), (sink, schema) in self._landed.items():
            if form != planned.source.format or not f"{location}/".startswith(f"{root}/"):
                continue
            below = location[len(root) :].strip("/").split("/")
            # Spark finds no partition columns in the path that it is given.
            given = {part.partition("=")[0].lower() for part in below if "=" in part}
            partitions = {name.lower() for name in sink.sink.partition_cols} - given
            fields = [each for each in schema.fields if each.name.lower() not in given]
            return (
                _with(type(schema)([]), fields),
                [each for each in fields if each.name.lower() in partitions],
            )
        return None

    def _land(
        self, session: SparkSession, name: str, plan: Plan, result: StructType
    ) -> Iterator[HqlFinding]:
        """Remember the columns of each sink as they are read back."""
        from pyspark.sql.types import DateType, StructField

        rows = session.createDataFrame([], result)
        for planned in plan.sinks:
            try:
                shaped = shape(rows, planned, plan.biz_dt.isoformat()).schema
            except FrameworkError as error:
                yield HqlFinding(name, str(error))
                continue
            if planned.place and not format_of(planned.sink.format).tells_columns:
                continue
            order = [column.lower() for column in planned.sink.partition_cols]
            fields = {each.name.lower(): each for each in shaped.fields}
            last = [
                StructField(BIZ_DT, DateType()) if column == BIZ_DT else fields[column]
                for column in order
            ]
            first = [each for each in shaped.fields if each.name.lower() not in order]
            key = (planned.sink.format, planned.root.rstrip("/"))
            self._landed[key] = (planned, _with(type(shaped)([]), [*first, *last]))


def _unknown(where: str, reason: str) -> str:
    return f"the schema of {where} is not known, so the HQL is not analyzed: {reason}"


def _with(schema: StructType, fields: Sequence[Any]) -> StructType:
    return type(schema)([*schema.fields, *fields])


def _of_hql(name: str, error: HqlError, *, is_note: bool = False) -> HqlFinding:
    where = f"{error.file}{'' if error.line is None else f':{error.line}'}: "
    # Spark adds the plan of the query.
    text = str(error).removeprefix(where).partition(";\n")[0]
    return HqlFinding(name, text, error.file, error.line, is_note)


def _set_properties(session: SparkSession, document: Mapping[str, Any]) -> None:
    """Set the job's properties that belong to a session."""
    for row in document["sys_params"]:
        key, value = str(row["param_key"]), row["param_value"]
        if key.startswith(_SESSION_PROPERTY) and value and session.conf.isModifiable(key):
            session.conf.set(key, value)


def main() -> None:
    """Analyze the jobs in the file of JOB_PARAMS_FILE, and write the findings beside it.

    The request is a list of params documents, parents first; the answer, in a file of the same
    name with .found added, is a list of findings.
    """
    from pyspark.sql import SparkSession

    file = Path(os.environ[variables.PARAMS_FILE])
    documents: list[Any] = json.loads(file.read_text(encoding="utf-8"))
    builder: Any = SparkSession.builder
    spark: SparkSession = builder.getOrCreate()
    try:
        analysis = JobAnalysis(spark, base_location())
        findings = [each for document in documents for each in analysis.findings(document)]
    finally:
        spark.stop()
    answer = json.dumps([asdict(finding) for finding in findings])
    file.with_name(f"{file.name}.found").write_text(answer, encoding="utf-8")
