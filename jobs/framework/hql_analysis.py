"""Analyze an HQL file in Spark without running it: no data is read or written.

Queries are analyzed. SET, RESET and temporary views act in the session alone, so they are run. A
table that the file creates becomes an empty temporary view of its columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.columns import as_struct
from framework.errors import HqlError
from framework.hql import Script, check_variables, named_line, run_statement, variables_set
from framework.hql_parse import ParsedStatement, kind_of, parse_plan, parsed_statement
from framework.query_faults import QueryAnalyzer, QueryFault, QueryFaults
from framework.stand_ins import StandIns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from framework.contract.hql_finding import Unseen
    from framework.hql_text import Statement

_TABLES_OF_QUERIES = ("CreateTableAsSelect", "ReplaceTableAsSelect", "CreateView")
_TABLES = ("CreateTable", "ReplaceTable")
_VIEWS = ("CreateViewCommand",)
_INSERTS = ("InsertIntoStatement", "InsertIntoDir")
_FUNCTIONS = ("CreateFunctionCommand", "CreateFunction")
# They change no columns of what later statements read, and refuse hardly anything.
_WITHOUT_COLUMNS = (
    "DropTable", "DropView", "DropTempViewCommand", "UncacheTable", "CacheTable", "RefreshTable",
    "ClearCacheCommand$", "AnalyzeTable", "AnalyzeColumn", "RepairTable", "TruncateTable",
    "AddPartitions", "DropPartitions", "CreateNamespace", "DropNamespace", "SetNamespaceCommand",
    "AddJarsCommand", "AddFilesCommand",
)  # fmt: skip
_PRINTING = ("Show", "Describe", "Explain")


@dataclass
class Analysis:
    """The findings of the analysis of a file.

    Attributes:
        result: The columns of the last query; None if they are not known.
        faults: What Spark refuses.
        notes: What could not be told, and why.
    """

    result: StructType | None = None
    faults: list[HqlError] = field(default_factory=list["HqlError"])
    notes: list[HqlError] = field(default_factory=list["HqlError"])


def analyze_script(
    spark: SparkSession,
    script: Script,
    variables: Mapping[str, str],
    tables: StandIns,
    unseen: Unseen,
) -> Analysis:
    """Analyze every statement of a file, with the views of its sources in the session.

    Args:
        spark: The session.
        script: The file.
        variables: The values of its variables.
        tables: The views that stand for tables.
        unseen: What can't be seen of the job.
    """
    try:
        check_variables(spark, script, variables)
    except HqlError as error:
        # Spark would analyze other text, with '' in place of each variable.
        return Analysis(faults=[error, *_parse_faults(spark, script)])
    with variables_set(spark, variables):
        analysis = _FileAnalysis(spark, script, tables, unseen).run()
    if not analysis.has_query and not analysis.found.faults:
        last = script.statements[-1].line
        text = "no statement of the file is a query, so there are no rows to land; add a SELECT"
        analysis.found.faults.append(HqlError(script.file, last, text))
    return analysis.found


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


class _FileAnalysis:
    def __init__(
        self, spark: SparkSession, script: Script, tables: StandIns, unseen: Unseen
    ) -> None:
        self._spark = spark
        self._script = script
        self._tables = tables
        self._functions: set[str] = set()
        self._queries = QueryAnalyzer(spark, tables, unseen, self._functions)
        # The first line of a statement after which faults may be due to it.
        self._unsure_from: int | None = None
        self.found = Analysis()
        self.has_query = False

    def run(self) -> _FileAnalysis:
        for statement in self._script.statements:
            try:
                with named_line(self._script, statement):
                    plan = parse_plan(self._spark, statement.text)
                parsed = parsed_statement(plan)
                if parsed.is_query:
                    self.has_query = True
                    found = self._query(statement, lambda plan: plan)
                    self.found.result = found.schema if found.is_sure else None
                else:
                    self._command(statement, parsed, plan)
            except HqlError as error:
                self._add_fault(error)
        return self

    def _command(self, statement: Statement, parsed: ParsedStatement, plan: Any) -> None:
        kind = kind_of(plan)
        if parsed.assignment or parsed.is_reset:
            run_statement(self._spark, self._script, statement, parsed)
        elif kind == "CreateTempViewUsing":
            with named_line(self._script, statement):
                self._spark.sql(statement.text)
        elif kind in _VIEWS:
            found = self._query(statement, lambda plan: plan.plan())
            self._put_view(statement, found, str(plan.name().table()))
        elif kind in _TABLES_OF_QUERIES:
            found = self._query(statement, lambda plan: plan.query())
            self._put(_target(plan, kind), found)
        elif kind in _TABLES:
            self._tables.put(_target(plan, kind), as_struct(plan.tableSchema()))
        elif kind in _INSERTS:
            of_query = "query" if kind == "InsertIntoStatement" else "child"
            self._query(statement, lambda plan: getattr(plan, of_query)())
        elif kind in _FUNCTIONS:
            self._note_function(statement, plan, kind)
        elif kind not in _WITHOUT_COLUMNS and not kind.startswith(_PRINTING):
            text = (
                f"not checked: a statement of kind {kind}; errors in later lines may be due to it"
            )
            self._add_note(HqlError(self._script.file, statement.line, text))
            self._unsure_from = self._unsure_from or statement.line

    def _query(self, statement: Statement, query_of: Callable[[Any], Any]) -> QueryFaults:
        found = self._queries.analyze(statement.text, query_of)
        for fault in found.faults:
            self._add_fault(self._error(statement, fault))
        for fault in found.unchecked:
            self._add_note(self._error(statement, fault))
        return found

    def _put_view(self, statement: Statement, found: QueryFaults, name: str) -> None:
        if found.schema is not None and found.is_sure:
            with named_line(self._script, statement):
                self._spark.sql(statement.text)
        else:
            self._put([name], found)

    def _put(self, parts: list[str], found: QueryFaults) -> None:
        """Let a view stand for what a statement creates; without its query, any column may be."""
        if found.schema is not None and found.is_sure:
            self._tables.put(parts, found.schema)
            return
        known = found.schema.names if found.schema else ()
        self._tables.put_open(parts, f"{'.'.join(parts)} depends on what is not known", known)

    def _note_function(self, statement: Statement, plan: Any, kind: str) -> None:
        if kind == "CreateFunctionCommand":
            name = str(plan.identifier().funcName())
        else:
            name = str(plan.child().nameParts().last())
        self._functions.add(name.lower())
        text = f"not checked: the class of the function {name}"
        self._add_note(HqlError(self._script.file, statement.line, text))

    def _error(self, statement: Statement, fault: QueryFault) -> HqlError:
        line = statement.line + (fault.line or 1) - 1
        return HqlError(self._script.file, line, fault.text)

    def _add_fault(self, error: HqlError) -> None:
        if self._unsure_from is None:
            self.found.faults.append(error)
            return
        text = f"not checked: it may be due to line {self._unsure_from}: {error.problem}"
        self._add_note(HqlError(error.file, error.line, text))

    def _add_note(self, error: HqlError) -> None:
        self.found.notes.append(error)


def _target(plan: Any, kind: str) -> list[str]:
    """Return the parts of the name of what a statement creates."""
    target = plan.child() if kind == "CreateView" else plan.name()
    names = target.nameParts()
    return [str(names.apply(place)) for place in range(names.size())]
