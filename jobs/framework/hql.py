"""Run the statements of an HQL file in Spark, with variables, and with file and line in errors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import hql_text
from framework.contract.native_paths import portable
from framework.contract.variables import MORE_SQL_DIRS, SQL_DIR
from framework.driver_elsewhere import is_elsewhere
from framework.errors import HqlError
from framework.hql_parse import ParsedStatement, parse_statement
from framework.session import session_of_its_own

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Spark inserts values unquoted, so these could end a string or begin a comment.
_UNSAFE = re.compile(r"[\"'`\\;$\r\n]|--|/\*")


@dataclass(frozen=True)
class Script:
    """An HQL file, split into statements."""

    file: str
    statements: tuple[hql_text.Statement, ...]


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, which Spark computes when they are written.

    Attributes:
        rows: The rows.
        finish: Runs the commands that follow the query in its file, such as DROP TABLE; to be
            called when the rows are written. None if no commands follow.
    """

    rows: DataFrame
    finish: Callable[[], None] | None = None


def exec_hql(
    spark: SparkSession, hql: str, variables: Mapping[str, str] | None = None
) -> DataFrame:
    """Run the file `hql` (relative to JOB_SQL_DIR) and return the result of its last query.

    Spark itself substitutes `variables` for `${hivevar:name}` and `${name}`. If commands follow
    the query, its rows are computed before they run, and kept by Spark.

    Raises:
        HqlError: If the file is missing or holds no query, a variable is not set, or Spark refuses
            a statement.
    """
    result = run_script(spark, load_script(hql), variables or {})
    if result.finish is None:
        return result.rows
    rows = result.rows.localCheckpoint()
    result.finish()
    return rows


def load_script(hql: str) -> Script:
    """Read and split an HQL file, without Spark.

    If neither JOB_SQL_DIR nor JOB_MORE_SQL_DIRS have it, try its base name in the working folder,
    where YARN puts shipped files.

    Raises:
        HqlError: If the file is missing, can't be read, or holds no statement.
    """
    hql = portable(hql)
    more = os.environ.get(MORE_SQL_DIRS, "").split(os.pathsep)
    folders = [os.environ.get(SQL_DIR) or ".", *filter(None, more)]
    tried = [*(Path(folder) / hql for folder in folders), Path(Path(hql).name)]
    file = next((path.absolute() for path in tried if path.is_file()), None)
    if file is None:
        places = " or ".join(str(path.absolute()) for path in dict.fromkeys(tried))
        raise HqlError(hql, None, f"no such file, looked for {places}; see {SQL_DIR}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise HqlError(str(file), None, f"can't be read: {error}") from error
    # The path in a container tells nobody which file it is.
    name = hql if is_elsewhere() else str(file)
    statements = hql_text.split(text)
    if not statements:
        raise HqlError(name, None, "holds no statement")
    return Script(name, statements)


def run_script(spark: SparkSession, script: Script, variables: Mapping[str, str]) -> QueryResult:
    """Run a script up to its last query, and return the query's result.

    All statements are parsed before the first one runs.

    Raises:
        HqlError: If variables are not set (it names all), a value is unsafe, Spark refuses a
            statement, or no statement is a query.
    """
    check_variables(spark, script, variables)
    with variables_set(spark, variables):
        steps = list(zip(script.statements, _parsed(spark, script), strict=True))
        last = max((n for n, (_, parsed) in enumerate(steps) if parsed.is_query), default=None)
        if last is None:
            raise HqlError(
                script.file,
                script.statements[-1].line,
                "no statement of the file is a query, so there are no rows to land; add a SELECT",
            )
        results = [run_statement(spark, script, *step) for step in steps[: last + 1]]
        values = {name: _setting(spark, name) for name in variables}
    at_query = {name: value for name, value in values.items() if value is not None}
    commands = steps[last + 1 :]

    def finish() -> None:
        with variables_set(spark, at_query):
            for step in commands:
                run_statement(spark, script, *step)

    return QueryResult(results[-1], finish if commands else None)


def _parsed(spark: SparkSession, script: Script) -> list[ParsedStatement]:
    """Parse all statements in a session that is thrown away, where only SET and RESET are run.

    A single statement runs nothing before it, and needs no such session, whose start takes time.

    Raises:
        HqlError: If a variable was RESET, Spark can't parse a statement, or Spark would ignore
            an assignment.
    """
    is_single = len(script.statements) == 1
    trial = spark if is_single else session_of_its_own(spark)
    all_parsed: list[ParsedStatement] = []
    for statement in script.statements:
        for used in statement.variables:
            if used.prefix in hql_text.SESSION_PREFIXES and _setting(trial, used.name) is None:
                raise HqlError(script.file, used.line, f"not set any more, by RESET: {used.text}")
        with named_line(script, statement):
            parsed = parse_statement(trial, statement.text)
        if parsed.assignment and parsed.assignment[0].startswith(("env:", "system:")):
            name = parsed.assignment[0].partition(":")[2]
            raise HqlError(
                script.file,
                statement.line,
                f"SET {parsed.assignment[0]} has no effect in Spark; write SET hivevar:{name}=.., "
                f"which ${{hivevar:{name}}} reads",
            )
        if not is_single and (parsed.assignment or parsed.is_reset):
            run_statement(trial, script, statement, parsed)
        all_parsed.append(parsed)
    return all_parsed


def check_variables(spark: SparkSession, script: Script, variables: Mapping[str, str]) -> None:
    """Refuse a script whose variables Spark could not substitute; ignore those in comments.

    Raises:
        HqlError: If variables have no value; it names each with its line.
    """
    used = [each for statement in script.statements for each in statement.variables]
    if not used:
        return
    if spark.conf.get("spark.sql.variable.substitute", "true") != "true":
        raise HqlError(
            script.file, used[0].line, "uses variables; unset spark.sql.variable.substitute=false"
        )
    names = {each.name for each in used if each.name}
    known = {name for name in names if name in variables or _setting(spark, name) is not None}
    faults = [*hql_text.unset(script.statements, known), *_unset_outside(spark, used)]
    if faults:
        faults.sort(key=lambda each: each.line)
        listed = ", ".join(f"{each.text} (line {each.line})" for each in faults)
        raise HqlError(
            script.file,
            faults[0].line,
            f"not set: {listed}. Set here: {', '.join(sorted(variables)) or 'nothing'}",
        )
    for each in used:
        if each.name in variables and _UNSAFE.search(variables[each.name]):
            raise HqlError(
                script.file,
                each.line,
                f"the value of {each.text} could change the statement: {variables[each.name]!r}",
            )


def _unset_outside(spark: SparkSession, used: list[hql_text.Variable]) -> list[hql_text.Variable]:
    context: Any = spark.sparkContext
    system: Any = context._jvm.java.lang.System
    ask = {"env": system.getenv, "system": system.getProperty}
    outside = [each for each in used if each.prefix in ask and each.name]
    return [each for each in outside if ask[each.prefix](each.name) is None]


@contextmanager
def variables_set(spark: SparkSession, variables: Mapping[str, str]) -> Generator[None]:
    """Set the variables for a block, as settings, which Spark's `${hivevar:x}` reads."""
    before = {name: _setting(spark, name) for name in variables}
    try:
        for name, value in variables.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, value)


def _setting(spark: SparkSession, name: str) -> str | None:
    # Without an explicit default it raises for an unknown name.
    return spark.conf.get(name, None)


def run_statement(
    spark: SparkSession, script: Script, statement: hql_text.Statement, parsed: ParsedStatement
) -> DataFrame:
    """Run a statement; an assignment of a Hive variable sets what `${hivevar:name}` reads.

    Raises:
        HqlError: If Spark refuses it.
    """
    with named_line(script, statement):
        if parsed.assignment:
            key, value = parsed.assignment
            name = hql_text.variable_name(key)
            if name != key:
                # Hive reads it as ${hivevar:name}; Spark's SET would set the key as it is written.
                spark.conf.set(name, value)
        return spark.sql(statement.text)


@contextmanager
def named_line(script: Script, statement: hql_text.Statement) -> Generator[None]:
    """Turn what Spark raises on a statement into an error with file and line."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        line = statement.line + (line_in_statement(error) or 1) - 1
        raise HqlError(script.file, line, str(error).strip()) from error


def line_in_statement(error: Exception) -> int | None:
    """Return the line of the error within the statement, if Spark reports one."""
    origin: Any = getattr(error, "_origin", None)
    if origin is None:
        return None
    exceptions: Any = origin.getClass().getClassLoader()
    if not exceptions.loadClass("org.apache.spark.sql.AnalysisException").isInstance(origin):
        return None
    line = origin.line()
    return int(line.get()) if line.isDefined() else None
