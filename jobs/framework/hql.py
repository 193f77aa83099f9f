"""Run the statements of an HQL file in Spark, with variables, and with file and line in errors."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import hql_text
from framework.contract.variables import SQL_DIR
from framework.errors import HqlError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Spark inserts values unquoted, so these could end a string or begin a comment.
_UNSAFE = re.compile(r"[\"'`\\;$\r\n]|--|/\*")


@dataclass(frozen=True)
class Script:
    """An HQL file, split into statements."""

    file: str
    statements: tuple[hql_text.Statement, ...]


def exec_hql(
    spark: SparkSession, hql: str, variables: Mapping[str, str] | None = None
) -> DataFrame:
    """Run the file `hql` (relative to JOB_SQL_DIR) and return its last statement's result.

    Spark itself substitutes `variables` for `${hivevar:name}` and `${name}`.

    Raises:
        HqlError: If the file is missing, a variable is not set, or Spark refuses a statement.
    """
    return run_script(spark, load_script(hql), variables or {})


def load_script(hql: str) -> Script:
    """Read and split an HQL file, without Spark.

    If JOB_SQL_DIR does not have it, try its base name in the working folder, where YARN puts
    shipped files.

    Raises:
        HqlError: If the file is missing, can't be read, or holds no statement.
    """
    tried = [Path(os.environ.get(SQL_DIR) or ".") / hql, Path(Path(hql).name)]
    file = next((path.absolute() for path in tried if path.is_file()), None)
    if file is None:
        places = " or ".join(str(path.absolute()) for path in dict.fromkeys(tried))
        raise HqlError(hql, None, f"no such file, looked for {places}; see {SQL_DIR}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise HqlError(str(file), None, f"can't be read: {error}") from error
    statements = hql_text.split(text)
    if not statements:
        raise HqlError(str(file), None, "holds no statement")
    return Script(str(file), statements)


def run_script(spark: SparkSession, script: Script, variables: Mapping[str, str]) -> DataFrame:
    """Run every statement of a script and return the last one's result.

    Raises:
        HqlError: If variables are not set (it names all), a value is unsafe, Spark refuses a
            statement, or the last statement has no result.
    """
    check_variables(spark, script, variables)
    with _variables_set(spark, variables):
        results = [_run(spark, script, statement) for statement in script.statements]
    if not results[-1].columns:
        raise HqlError(
            script.file,
            script.statements[-1].line,
            "the last statement returns no rows to land; end the file with a SELECT",
        )
    return results[-1]


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
def _variables_set(spark: SparkSession, variables: Mapping[str, str]) -> Generator[None]:
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


def _run(spark: SparkSession, script: Script, statement: hql_text.Statement) -> DataFrame:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return spark.sql(statement.text)
    except (PySparkException, Py4JJavaError) as error:
        line = statement.line + (_line_in_statement(error) or 1) - 1
        raise HqlError(script.file, line, str(error).strip()) from error


def _line_in_statement(error: Exception) -> int | None:
    """Return the line of the error within the statement, if Spark reports one."""
    origin: Any = getattr(error, "_origin", None)
    if origin is None:
        return None
    exceptions: Any = origin.getClass().getClassLoader()
    if not exceptions.loadClass("org.apache.spark.sql.AnalysisException").isInstance(origin):
        return None
    line = origin.line()
    return int(line.get()) if line.isDefined() else None
