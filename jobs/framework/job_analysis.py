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

from framework.catalog import tables_of_its_own
from framework.columns import schema_of
from framework.contract import variables
from framework.contract.context_params import BIZ_DT
from framework.contract.formats import format_of
from framework.contract.hql_finding import HqlFinding, Unseen
from framework.contract.paths import base_location, is_local
from framework.errors import FrameworkError, HqlError, ParamsError
from framework.hql_analysis import analyze_script
from framework.land.staging import shape
from framework.params_loader import parse_params
from framework.plan import Plan, PlannedSink, PlannedSource, plan_landing
from framework.read.null_tokens import read_records
from framework.session import session_of_its_own
from framework.stand_ins import StandIns, empty_frame
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
        # Why the columns of a sink are not known.
        self._unknown: dict[tuple[str, str], str] = {}

    def findings(self, document: Any, unseen: Unseen | None = None) -> list[HqlFinding]:
        """Analyze one job by its params document, and by what can't be seen of it."""
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
        with tables_of_its_own(self.spark):
            return self._of_plan(session, name, plan, unseen or Unseen())

    def _of_plan(
        self, session: SparkSession, name: str, plan: Plan, unseen: Unseen
    ) -> list[HqlFinding]:
        tables = StandIns(session)
        found: list[HqlFinding] = []
        for each in plan.sources:
            schema = self._open(session, name, each, found)
            if schema is None:
                tables.put_open([each.view], f"{each.view} is not known")
            else:
                tables.put([each.view], schema)
        result: StructType | None = None
        if plan.script is None:
            if not tables.unknown_in(plan.sources[0].view):
                result = session.table(plan.sources[0].view).schema
        else:
            analysis = analyze_script(session, plan.script, plan.variables, tables, unseen)
            of_file = [_of_hql(name, fault) for fault in analysis.faults]
            of_file += [_of_hql(name, note, is_note=True) for note in analysis.notes]
            found += sorted(of_file, key=lambda each: each.line or 0)
            result = analysis.result
        if result is not None:
            found += self._land(session, name, plan, result)
        self._note_unknown(name, plan)
        return found

    def _open(
        self, session: SparkSession, name: str, planned: PlannedSource, found: list[HqlFinding]
    ) -> StructType | None:
        """Return the columns of a source, None if they are not known, which is a finding."""
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
            return None
        if schema is None:
            reason = self._why_unknown(planned)
            found.append(HqlFinding(name, _unknown(where, reason), is_note=True))
        return schema

    def _why_unknown(self, planned: PlannedSource) -> str:
        source, location = planned.source, f"{planned.location.rstrip('/')}/"
        for (form, root), reason in self._unknown.items():
            is_there = (
                location == f"{root}/" if source.is_table else location.startswith(f"{root}/")
            )
            if form == source.format and is_there:
                return reason
        if source.is_table:
            return f"it has no `schema`, no job lands it, and a check opens no {source.format}"
        if is_local(planned.location):
            return "it has no `schema`, no job lands it, and there are no such files here"
        return "it has no `schema`, no job lands it, and a check reads local files only"

    def _note_unknown(self, name: str, plan: Plan) -> None:
        """Remember the sinks whose columns are not known, as the job has faults or unknowns."""
        for planned in plan.sinks:
            key = (planned.sink.format, planned.root.rstrip("/"))
            if key not in self._landed:
                self._unknown[key] = f"the findings on {name}, which lands it, leave them open"

    def _schema(self, session: SparkSession, planned: PlannedSource) -> StructType | None:
        source = planned.source
        given = schema_of(session, source.schema) if source.schema else None
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

        rows = empty_frame(session, result)
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
    return f"the schema of {where} is not known, so what is read of it is not checked: {reason}"


def _with(schema: StructType, fields: Sequence[Any]) -> StructType:
    return type(schema)([*schema.fields, *fields])


def _of_hql(name: str, error: HqlError, *, is_note: bool = False) -> HqlFinding:
    # Spark adds the plan of the query.
    text = error.problem.partition(";\n")[0]
    return HqlFinding(name, text, error.file, error.line, is_note)


def _set_properties(session: SparkSession, document: Mapping[str, Any]) -> None:
    """Set the job's properties that belong to a session."""
    for row in document["sys_params"]:
        key, value = str(row["param_key"]), row["param_value"]
        if key.startswith(_SESSION_PROPERTY) and value and session.conf.isModifiable(key):
            session.conf.set(key, value)


def main() -> None:
    """Analyze the jobs in the file of JOB_PARAMS_FILE, and write the findings beside it.

    The request is a list of `{document, unseen}`, parents first, of params documents and of what
    can't be seen of their jobs; the answer, in a file of the same name with .found added, is a list
    of findings.
    """
    from pyspark.sql import SparkSession

    file = Path(os.environ[variables.PARAMS_FILE])
    asked: list[Any] = json.loads(file.read_text(encoding="utf-8"))
    builder: Any = SparkSession.builder
    spark: SparkSession = builder.getOrCreate()
    try:
        analysis = JobAnalysis(spark, base_location())
        findings = [
            finding
            for each in asked
            for finding in analysis.findings(each["document"], Unseen(**each["unseen"]))
        ]
    finally:
        spark.stop()
    answer = json.dumps([asdict(finding) for finding in findings])
    file.with_name(f"{file.name}.found").write_text(answer, encoding="utf-8")
