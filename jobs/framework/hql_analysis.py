"""Analyze an HQL file in Spark without running it: no data is read or written.

Queries are analyzed. SET, RESET and temporary views act in the session alone, so they are run. A
table that the file creates becomes an empty temporary view of its columns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.errors import HqlError
from framework.hql import Script, check_variables, named_line, run_statement, variables_set
from framework.hql_parse import kind_of, parse_plan, parsed_statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from framework.hql_text import Statement

_TABLES_OF_QUERIES = ("CreateTableAsSelect", "ReplaceTableAsSelect", "CreateView")
_TABLES = ("CreateTable", "ReplaceTable")
_VIEWS = ("CreateViewCommand", "CreateTempViewUsing")
# Their targets stay as they are, and nothing later depends on them.
_WITHOUT_COLUMNS = ("DropTable", "DropView", "UncacheTable", "CacheTable", "RefreshTable")


@dataclass
class Analysis:
    """The findings of the analysis of a file.

    Attributes:
        result: The columns of the last query; None if they are not known.
        faults: What Spark refuses.
        notes: What could not be told, as it depends on statements that are not analyzed.
    """

    result: StructType | None = None
    faults: list[HqlError] = field(default_factory=list["HqlError"])
    notes: list[HqlError] = field(default_factory=list["HqlError"])


def analyze_script(spark: SparkSession, script: Script, variables: Mapping[str, str]) -> Analysis:
    """Analyze every statement of a file, with the views of its sources in the session."""
    analysis = Analysis()
    try:
        check_variables(spark, script, variables)
    except HqlError as error:
        # Spark would analyze other text, with '' in place of each variable.
        analysis.faults.append(error)
        analysis.faults += _parse_faults(spark, script)
        return analysis
    has_query = False
    with variables_set(spark, variables):
        for statement in script.statements:
            try:
                with named_line(script, statement):
                    plan = parse_plan(spark, statement.text)
                    if parsed_statement(plan).is_query:
                        has_query, analysis.result = True, None
                        analysis.result = _schema_of(spark, plan)
                    else:
                        _analyze_command(spark, script, statement, plan, analysis)
            except HqlError as error:
                (analysis.notes if analysis.notes else analysis.faults).append(error)
    if not has_query and not analysis.faults:
        last = script.statements[-1].line
        text = "no statement of the file is a query, so there are no rows to land; add a SELECT"
        analysis.faults.append(HqlError(script.file, last, text))
    return analysis


def _parse_faults(spark: SparkSession, script: Script) -> Iterator[HqlError]:
    """Yield what Spark can't parse among the statements that use no variables."""
    for statement in script.statements:
        if statement.variables:
            continue
        try:
            with named_line(script, statement):
                parse_plan(spark, statement.text)
        except HqlError as error:
            yield error


def _analyze_command(
    spark: SparkSession, script: Script, statement: Statement, plan: Any, analysis: Analysis
) -> None:
    kind, parsed = kind_of(plan), parsed_statement(plan)
    if parsed.assignment or parsed.is_reset:
        run_statement(spark, script, statement, parsed)
    elif kind in _VIEWS:
        spark.sql(statement.text)
    elif kind in _TABLES_OF_QUERIES or kind in _TABLES:
        of_query = kind in _TABLES_OF_QUERIES
        schema = _schema_of(spark, plan.query()) if of_query else _columns(plan.tableSchema())
        target = plan.child() if kind == "CreateView" else plan.name()
        parts = [str(part) for part in _list(spark, target.nameParts())]
        if len(parts) == 1:
            spark.createDataFrame([], schema).createOrReplaceTempView(parts[0])
        else:
            analysis.notes.append(_not_analyzed(script, statement, f"the table {'.'.join(parts)}"))
    elif kind == "InsertIntoStatement":
        _schema_of(spark, plan.query())
    elif kind not in _WITHOUT_COLUMNS:
        analysis.notes.append(_not_analyzed(script, statement, f"a statement of kind {kind}"))


def _not_analyzed(script: Script, statement: Statement, what: str) -> HqlError:
    text = f"{what} is not analyzed, so errors in later lines may be due to it"
    return HqlError(script.file, statement.line, text)


def _schema_of(spark: SparkSession, plan: Any) -> StructType:
    """Return the columns of a query, which is analyzed and not run."""
    session: Any = spark
    rows = session._jvm.org.apache.spark.sql.Dataset.ofRows(session._jsparkSession, plan)
    return _columns(rows.schema())


def _columns(schema: Any) -> StructType:
    from pyspark.sql.types import StructType

    return StructType.fromJson(json.loads(schema.json()))


def _list(spark: SparkSession, parts: Any) -> list[Any]:
    session: Any = spark
    converters = session._jvm.scala.collection.JavaConverters
    return list(converters.seqAsJavaListConverter(parts).asJava())
