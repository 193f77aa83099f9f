"""The secrets of a job: options that refer to one, and texts without them.

The orchestrator names them in JOB_SECRETS: variables of the environment, and properties of Spark.
It keeps by the same rule (orch_dagster/text.py) what the job prints and reports; what the job
logs goes straight to LOG_FILE.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from framework.contract import variables
from framework.errors import ParamsError

MASK = "******"

_SHORTEST = 4
_SHORTEST_LINE = 8
_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
# What the orchestrator wrote in the place of a secret that stood in the params file's rows.
_MOVED = re.compile(rf"env:{variables.MOVED_SECRET_PREFIX}\d+", re.ASCII)

# Those of Spark, once the session told them.
_of_spark: dict[str, str] = {}


def resolved(options: Mapping[str, str] | None) -> dict[str, str]:
    """Return a reader's or writer's options, with the variable's value for each `env:NAME`.

    Raises:
        ParamsError: variables that are not set, all of them.
    """
    found = dict(options or {})
    problems: list[str] = []
    for key, value in found.items():
        name = _name_in(value)
        if name is None:
            continue
        if name in os.environ:
            found[key] = os.environ[name]
        else:
            problems.append(f"{key} is {value}, and the environment has no variable {name}")
    if problems:
        raise ParamsError("options", problems)
    return found


def moved_back(value: str) -> str:
    """Return the value of a sys_param that the orchestrator moved to a variable; others as is."""
    if _MOVED.fullmatch(value):
        return os.environ.get(value.removeprefix("env:"), value)
    return value


def mask(text: str) -> str:
    """Return a text without the secrets of this job."""
    for form in _forms(tuple(_values())):
        text = text.replace(form, MASK)
    return text


def _name_in(value: str) -> str | None:
    match = _REFERENCE.fullmatch(value)
    return match[1] if match else None


def _values() -> Iterator[str]:
    for name in filter(None, os.environ.get(variables.SECRET_NAMES, "").split(",")):
        value = _property(name) if name.startswith("spark.") else os.environ.get(name)
        if value:
            yield value


def _property(name: str) -> str | None:
    """Return a property of the session that runs, None where nothing has one yet."""
    if name not in _of_spark and "pyspark" in sys.modules:
        from py4j.protocol import Py4JError
        from pyspark import SparkContext

        context: Any = SparkContext
        # Set before its start is over.
        conf = getattr(context._active_spark_context, "_conf", None)
        try:
            value = conf and conf.get(name)
        except (Py4JError, OSError):
            # Its JVM is gone.
            return None
        if value:
            _of_spark[name] = value
    return _of_spark.get(name)


@lru_cache(maxsize=4)
def _forms(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts that show a secret, the longest first: one may hold another."""
    found = {form for value in values for form in _forms_of(value)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _forms_of(value: str) -> Iterator[str]:
    stripped = value.strip()
    if len(stripped) < _SHORTEST:
        return
    lines = [line.strip() for line in stripped.splitlines()]
    for text in (value, stripped, *(line for line in lines if len(line) >= _SHORTEST_LINE)):
        yield text
        yield from (quote(text, safe=""), quote_plus(text), repr(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
