"""Find all faults of a query, where Spark's analyzer stops at the first.

What Spark refuses is replaced by null in the text, and the rest is analyzed again. A fault that may
be due to such a replacement, or to what nobody knows here, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from framework.columns import as_struct, quoted
from framework.contract.hql_finding import Unseen
from framework.hql import line_in_statement
from framework.hql_parse import is_expression, parse_plan, substituted
from framework.stand_ins import StandIns

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

# Analyses of a statement; each tells one fault.
_MOST_FAULTS = 100
_USING = "UNRESOLVED_USING_COLUMN_FOR_JOIN"
_COLUMN = ("UNRESOLVED_COLUMN", _USING)
_FUNCTION = ("UNRESOLVED_ROUTINE",)
_TABLE_FUNCTION = "UNRESOLVABLE_TABLE_VALUED_FUNCTION"
_TABLE = (
    "TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "REQUIRES_SINGLE_PART_NAMESPACE",
    _TABLE_FUNCTION,
)  # fmt: skip
# What a null in place of another fault can't have caused; for the second, if the text does not name
# the type of null.
_OF_ARGUMENTS, _OF_TYPES = "WRONG_NUM_ARGS", "DATATYPE_MISMATCH"
_VOID = "VOID"
# An unresolved name in Spark's plan: 'name, 'a.name, '`a b`.
_UNRESOLVED = re.compile(r"'((?:`(?:[^`]|``)+`|\w+)(?:\.(?:`(?:[^`]|``)+`|\w+))*)")
_QUOTED = re.compile(r"`(?:[^`]|``)+`")
_NAME = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


@dataclass(frozen=True)
class QueryFault:
    """A fault with its line within the statement, None if Spark tells none."""

    line: int | None
    text: str


@dataclass
class QueryFaults:
    """The findings of the analysis of a query.

    Attributes:
        text: The statement with its variables and faults replaced, which Spark can analyze.
        schema: The columns as far as they are known; None if Spark can't analyze the rest.
        faults: What Spark refuses.
        unchecked: What can't be told, and why.
        is_sure: Whether the columns are those of the query as it is written.
    """

    text: str
    schema: StructType | None = None
    faults: list[QueryFault] = field(default_factory=list[QueryFault])
    unchecked: list[QueryFault] = field(default_factory=list[QueryFault])
    is_sure: bool = True


@dataclass(frozen=True)
class _Refusal:
    """A refusal of Spark's: the error's class, its text, and the place within the statement."""

    kind: str
    text: str
    line: int | None
    start: int = -1
    end: int = -1

    @property
    def has_place(self) -> bool:
        return self.start >= 0


class QueryAnalyzer:
    """Analyzes the queries of one HQL file.

    Args:
        spark: The session, with the views that the queries read.
        tables: The views that stand for tables.
        unseen: What can't be seen of the job.
        functions: The functions that the file creates, in lower case; the caller adds to them.
    """

    def __init__(
        self, spark: SparkSession, tables: StandIns, unseen: Unseen, functions: set[str]
    ) -> None:
        self._spark = spark
        self._tables = tables
        self._unseen = unseen
        self._functions = functions

    def analyze(self, statement: str, query_of: Callable[[Any], Any]) -> QueryFaults:
        """Return the faults of a statement's query.

        Args:
            statement: The statement.
            query_of: Returns the query's plan, given that of the statement.
        """
        found = QueryFaults(substituted(self._spark, statement))
        for _ in range(_MOST_FAULTS):
            refusal = self._refusal(found, query_of)
            if refusal is None:
                break
            before = found.text
            if not self._taken_up(refusal, found):
                break
            if found.text == before and not refusal.kind.startswith((*_COLUMN, *_TABLE)):
                break
        reasons = self._tables.unknown_in(statement)
        found.is_sure = not (found.faults or found.unchecked or reasons)
        return found

    def _refusal(self, found: QueryFaults, query_of: Callable[[Any], Any]) -> _Refusal | None:
        """Analyze the text; set the columns, or return what Spark refuses first."""
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        try:
            plan = query_of(parse_plan(self._spark, found.text))
            found.schema = schema_of_plan(self._spark, plan)
        except (PySparkException, Py4JJavaError) as error:
            found.schema = None
            return _refusal_of(error, found.text)
        return None

    def _taken_up(self, refusal: _Refusal, found: QueryFaults) -> bool:
        """Note what Spark refuses, and replace it; return whether the rest can be analyzed."""
        is_open = bool(self._tables.unknown_in(found.text))
        if refusal.kind.startswith(_COLUMN):
            names = _unresolved_names(refusal, found.text[refusal.start : refusal.end])
            if is_open and self._tables.offer(names):
                return True
            found.faults.append(_fault(refusal))
            return self._mended(refusal, found)
        if refusal.kind.startswith(_FUNCTION):
            self._note_function(refusal, found)
            return self._mended(refusal, found)
        if refusal.kind.startswith(_TABLE):
            return self._stood_in(refusal, found)
        is_first = not (found.faults or found.unchecked or is_open)
        is_of_types = refusal.kind.startswith(_OF_TYPES) and _VOID not in refusal.text
        is_by_itself = refusal.kind.startswith(_OF_ARGUMENTS) or (
            is_of_types and not is_open and not found.unchecked
        )
        if is_first or is_by_itself:
            found.faults.append(_fault(refusal))
        return self._mended(refusal, found)

    def _note_function(self, refusal: _Refusal, found: QueryFaults) -> None:
        name = found.text[refusal.start : refusal.end].partition("(")[0].strip()
        last = _parts(name)[-1].lower() if refusal.has_place and _parts(name) else ""
        reason = self._unseen.functions
        if last in self._functions:
            reason = "the file creates it from a class"
        if reason is None:
            found.faults.append(_fault(refusal))
            return
        text = f"not checked: the function {name} is not Spark's own, and {reason}"
        found.unchecked.append(QueryFault(refusal.line, text))

    def _stood_in(self, refusal: _Refusal, found: QueryFaults) -> bool:
        """Let a view stand for a table that is not there."""
        is_function = refusal.kind.startswith(_TABLE_FUNCTION)
        if is_function and refusal.has_place:
            # Its place goes on to its alias.
            length = len(_call(found.text[refusal.start : refusal.end]))
            refusal = replace(refusal, end=refusal.start + length)
        reason = self._unseen.functions if is_function else self._unseen.tables
        name = found.text[refusal.start : refusal.end] if refusal.has_place else "a table"
        parts = [name] if is_function or not refusal.has_place else _parts(name)
        view = self._tables.view_of(parts)
        if view == name.strip("`"):
            return False
        if view is None:
            if reason is None:
                found.faults.append(_fault(refusal))
            else:
                text = f"not checked: what is read from {name}, as {reason}"
                found.unchecked.append(QueryFault(refusal.line, text))
            if not refusal.has_place:
                return False
            view = self._tables.put_open(parts, f"{name} is not known")
        if view == name.strip("`"):
            return True
        # Its columns may be named by the table's name.
        return self._replaced(refusal, found, f"{quoted(view)} AS {quoted(parts[-1])}", view)

    def _mended(self, refusal: _Refusal, found: QueryFaults) -> bool:
        """Put a null in the place of what Spark refuses; return whether the text can be parsed."""
        if not refusal.has_place:
            return False
        written = found.text[refusal.start : refusal.end]
        if not is_expression(self._spark, written):
            return False
        parts = _parts(written) if refusal.kind.startswith(_COLUMN) else [written]
        # With its name, in case that it is a column of the query, which others may ask for.
        return self._replaced(refusal, found, f"NULL AS {quoted(parts[-1])}", "NULL")

    def _replaced(self, refusal: _Refusal, found: QueryFaults, *choices: str) -> bool:
        from pyspark.errors import PySparkException

        lines = "\n" * found.text.count("\n", refusal.start, refusal.end)
        for choice in choices:
            text = f"{found.text[: refusal.start]}{choice}{lines} {found.text[refusal.end :]}"
            try:
                parse_plan(self._spark, text)
            except PySparkException:
                continue
            found.text = text
            return True
        return False


def schema_of_plan(spark: SparkSession, plan: Any) -> StructType:
    """Return the columns of a query, which is analyzed and not run.

    Raises:
        pyspark.errors.PySparkException: If Spark refuses it.
    """
    session: Any = spark
    rows = session._jvm.org.apache.spark.sql.Dataset.ofRows(session._jsparkSession, plan)
    return as_struct(rows.schema())


def _refusal_of(error: Any, text: str) -> _Refusal:
    """Return what an error of Spark refuses."""
    from pyspark.errors import ParseException

    # Errors of the JVM that pyspark does not know have no class.
    kind = str(getattr(error, "getErrorClass", lambda: None)() or "")
    words = str(error).strip()
    origin: Any = getattr(error, "_origin", None)
    contexts = [] if origin is None or not kind else list(origin.getQueryContext())
    # A parser has no fragment, and one of a view is of another text.
    if not contexts or contexts[0].objectType() or isinstance(error, ParseException):
        return _Refusal(kind, words, line_in_statement(error))
    start, end = int(contexts[0].startIndex()), int(contexts[0].stopIndex()) + 1
    # Java counts some signs as two.
    if start < 0 or text[start:end] != str(contexts[0].fragment()):
        return _Refusal(kind, words, line_in_statement(error))
    return _Refusal(kind, words, text.count("\n", 0, start) + 1, start, end)


def _unresolved_names(refusal: _Refusal, written: str) -> set[str]:
    """Return the names that Spark has not found: the refused one, and those its plan shows."""
    words, _, plan = refusal.text.partition(";\n")
    names = _UNRESOLVED.findall(plan)
    if refusal.kind.startswith(_USING):
        # Neither the place nor the plan names the column alone.
        names += _QUOTED.findall(words)[:1]
    elif refusal.has_place:
        names.append(written)
    return {parts[-1] for parts in map(_parts, names) if parts}


def _call(text: str) -> str:
    """Return the call of a function with which a text begins.

    >>> _call("rows_of(1, f(2)) AS r (a)")
    'rows_of(1, f(2))'
    """
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            return text[: place + 1]
    return text


def _parts(name: str) -> list[str]:
    """Return the parts of a name.

    >>> _parts("a.`b.c`")
    ['a', 'b.c']
    """
    return [(back or plain).replace("``", "`").strip() for back, plain in _NAME.findall(name)]


def _fault(refusal: _Refusal) -> QueryFault:
    return QueryFault(refusal.line, refusal.text)
