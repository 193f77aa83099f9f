"""Tell which jobs may land in an application that those of their group share (spark.share)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from framework import hql_text
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import DEFAULT_MASTER, deployment_of
from orch_dagster.toolchain.errors import SubmitRefusedError

_RUN_LANDING = "run_landing"
_IMPORTED_FROM = ("framework", "framework.landing")
# Statements that change nothing outside their own session. A query may begin with a bracket.
_QUERIES = ("select", "with", "from", "values", "table")
_OF_SESSION = re.compile(
    r"(set|reset)\b|create\s+(or\s+replace\s+)?temp(orary)?\s+view\b", re.IGNORECASE
)
_FIRST_WORD = re.compile(r"[\s(]*(\w+)")
# A query of several inserts begins as any other.
_WRITES = re.compile(r"\binsert\b", re.IGNORECASE)


def sharing_fault(
    spec: JobSpec, settings: Settings, properties: Mapping[str, str], defaults: Mapping[str, str]
) -> str | None:
    """Return why a job can't share an application, None if it can.

    Args:
        spec: The job.
        settings: The settings.
        properties: The job's Spark properties.
        defaults: Those of spark-defaults.conf.
    """
    return next(_faults(spec, settings, properties, defaults), None)


def _faults(
    spec: JobSpec, settings: Settings, properties: Mapping[str, str], defaults: Mapping[str, str]
) -> Iterator[str]:
    if not spec.has_sinks:
        yield "it has no sinks, so that its script does what it wants"
    script = None if "://" in spec.script_path else settings.script_file(spec.script_path)
    if script is None or not is_plain_landing(script):
        yield f"its script {spec.script_path} is more than a call of {_RUN_LANDING}"
    try:
        deployment = deployment_of(properties, defaults, DEFAULT_MASTER)
    except SubmitRefusedError as error:
        yield str(error)
    else:
        if not deployment.is_local:
            yield f"its master is {deployment.master!r}, and only local ones are shared"
    if spec.context.hql and (file := settings.hql_file(spec.context.hql)):
        yield from _hql_faults(file)


def is_plain_landing(script: Path) -> bool:
    """Return whether a script's code is only an import of `run_landing` and one call of it."""
    try:
        body = ast.parse(script.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    if body and _is_text(body[0]):
        body = body[1:]
    body = [each for each in body if not _is_import_from(each, ("__future__",))]
    return len(body) == 2 and _is_import_of_landing(body[0]) and _is_call(body[1])


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_import_from(statement: ast.stmt, modules: tuple[str, ...]) -> bool:
    return (
        isinstance(statement, ast.ImportFrom)
        and statement.level == 0
        and statement.module in modules
    )


def _is_import_of_landing(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.ImportFrom)
        and _is_import_from(statement, _IMPORTED_FROM)
        and [(each.name, each.asname) for each in statement.names] == [(_RUN_LANDING, None)]
    )


def _is_call(statement: ast.stmt) -> bool:
    """Return whether a statement calls run_landing, alone or where the script is the program."""
    if isinstance(statement, ast.If):
        is_of_main = ast.unparse(statement.test) == "__name__ == '__main__'"
        return (
            is_of_main
            and not statement.orelse
            and len(statement.body) == 1
            and not isinstance(statement.body[0], ast.If)
            and _is_call(statement.body[0])
        )
    return isinstance(statement, ast.Expr) and ast.unparse(statement) == f"{_RUN_LANDING}()"


def _hql_faults(file: Path) -> Iterator[str]:
    """Yield why a file's statements could reach what the application's sessions have in common."""
    try:
        statements = hql_text.split(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        # Its landing says so.
        return
    for statement in statements:
        code = hql_text.without_comments(statement.text).strip()
        if not _is_of_session(code):
            first = " ".join(code.split())[:60]
            yield (
                f"{file.name}:{statement.line} is neither a query, a SET nor a temporary view "
                f"({first!r}), and could reach other jobs of the application"
            )


def _is_of_session(text: str) -> bool:
    if _OF_SESSION.match(text):
        return True
    word = _FIRST_WORD.match(text)
    return bool(word) and word[1].lower() in _QUERIES and not _WRITES.search(text)
