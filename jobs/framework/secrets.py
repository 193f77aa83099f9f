"""The secrets of a job: resolve options that refer to one, and mask them in texts.

The orchestrator names them in JOB_SECRETS: environment variables and Spark properties. It masks
what the job prints and reports; log lines are masked here, as they go straight to LOG_FILE.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from framework.contract import masking, variables
from framework.contract.secret_names import ENV, SPARK_PREFIX, is_moved, variable_of
from framework.errors import ParamsError

# Kept, as a stopped session no longer has them.
_spark_secrets: dict[str, str] = {}


def resolved(options: Mapping[str, str] | None) -> dict[str, str]:
    """Return a reader's or writer's options, with the variable's value for each `env:NAME`.

    Raises:
        ParamsError: If variables are not set; names them all.
    """
    values = dict(options or {})
    problems: list[str] = []
    for key, value in values.items():
        name = variable_of(value)
        if name is None:
            continue
        if name in os.environ:
            values[key] = os.environ[name]
        else:
            problems.append(f"{key} is {value}, and the environment has no variable {name}")
    if problems:
        raise ParamsError("options", problems)
    return values


def moved_back(value: str) -> str:
    """Return the value of a sys_param, from its variable if the orchestrator moved it to one."""
    if is_moved(value):
        return os.environ.get(value.removeprefix(ENV), value)
    return value


def mask(text: str) -> str:
    """Return a text without the secrets of this job."""
    return masking.mask(text, _forms(tuple(_values())))


def _values() -> Iterator[str]:
    for name in filter(None, os.environ.get(variables.SECRET_NAMES, "").split(",")):
        value = _property(name) if name.startswith(SPARK_PREFIX) else os.environ.get(name)
        if value:
            yield value


def _property(name: str) -> str | None:
    """Return a property of the running session, or None if there is none yet."""
    if name not in _spark_secrets and "pyspark" in sys.modules:
        from py4j.protocol import Py4JError
        from pyspark import SparkContext

        context: Any = SparkContext
        # Set before the context has started.
        conf = getattr(context._active_spark_context, "_conf", None)
        try:
            value = conf and conf.get(name)
        except (Py4JError, OSError):
            # The JVM has ended.
            return None
        if value:
            _spark_secrets[name] = value
    return _spark_secrets.get(name)


@lru_cache(maxsize=4)
def _forms(values: tuple[str, ...]) -> tuple[str, ...]:
    return masking.secret_forms(values)
