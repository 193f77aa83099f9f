"""Parse statements with Spark's own parser: queries, assignments of settings, other commands."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOGICAL = "org.apache.spark.sql.catalyst.plans.logical."
# `WITH .. INSERT` and `FROM .. INSERT .. INSERT ..` have the commands below such a node.
_WRAPPERS = ("UnresolvedWith", "Union")
# Neither a Command nor a ParsedStatement before it is analyzed.
_OTHER_COMMANDS = ("InsertIntoDir",)


@dataclass(frozen=True)
class ParsedStatement:
    """A statement as Spark sees it, with its variables substituted.

    Attributes:
        is_query: Whether it is a query, whose rows may be landed. Commands that print rows, such
            as SHOW, DESCRIBE and EXPLAIN, are not.
        assignment: The key and the value of `SET key = value`, else None.
        is_reset: Whether it is a RESET.
    """

    is_query: bool
    assignment: tuple[str, str] | None = None
    is_reset: bool = False


def parse_statement(spark: SparkSession, text: str) -> ParsedStatement:
    """Parse a statement by the settings of a session; nothing is run.

    Raises:
        pyspark.errors.PySparkException: If Spark can't parse it.
    """
    return parsed_statement(parse_plan(spark, text))


def parse_plan(spark: SparkSession, text: str) -> Any:
    """Return Spark's plan of a statement, parsed by the settings of a session, not analyzed.

    Raises:
        pyspark.errors.PySparkException: If Spark can't parse it.
    """
    session: Any = spark
    parser: Any = session._jsparkSession.sessionState().sqlParser()
    with _active(spark):
        return parser.parsePlan(text)


def is_expression(spark: SparkSession, text: str) -> bool:
    """Return whether a part of a statement is an expression, which may stand for any other."""
    from pyspark.errors import ParseException

    session: Any = spark
    with _active(spark):
        try:
            session._jsparkSession.sessionState().sqlParser().parseExpression(text)
        except ParseException:
            return False
    return True


def substituted(spark: SparkSession, text: str) -> str:
    """Return a statement with the values of its variables, as Spark's parser replaces them."""
    session: Any = spark
    with _active(spark):
        replacing = session._jvm.org.apache.spark.sql.internal.VariableSubstitution()
        return str(replacing.substitute(text))


def parsed_statement(plan: Any) -> ParsedStatement:
    """Return what a parsed plan is."""
    kind = kind_of(plan)
    if kind == "SetCommand":
        return ParsedStatement(is_query=False, assignment=_assignment(plan))
    if kind == "ResetCommand":
        return ParsedStatement(is_query=False, is_reset=True)
    while kind_of(plan) in _WRAPPERS:
        plan = plan.children().head()
    is_command = kind_of(plan) in _OTHER_COMMANDS or any(
        _is_instance(plan, name) for name in ("Command", "ParsedStatement")
    )
    return ParsedStatement(is_query=not is_command)


@contextmanager
def _active(spark: SparkSession) -> Generator[None]:
    """Make a session the active one, whose settings the parser reads, for a block."""
    session: Any = spark
    sessions: Any = session._jvm.SparkSession
    before = sessions.getActiveSession()
    sessions.setActiveSession(session._jsparkSession)
    try:
        yield
    finally:
        if before.isDefined():
            sessions.setActiveSession(before.get())
        else:
            sessions.clearActiveSession()


def _assignment(plan: Any) -> tuple[str, str] | None:
    if not plan.kv().isDefined():
        return None
    pair = plan.kv().get()
    key, value = str(pair._1()), pair._2()
    return (key, str(value.get())) if value.isDefined() else None


def kind_of(plan: Any) -> str:
    """Return the name of a plan's class, such as InsertIntoStatement."""
    return str(plan.getClass().getSimpleName())


def _is_instance(plan: Any, name: str) -> bool:
    loader = plan.getClass().getClassLoader()
    return bool(loader.loadClass(_LOGICAL + name).isInstance(plan))
