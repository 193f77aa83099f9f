"""The keys that hold secrets, and the references to secrets that values may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from framework.contract.variables import MOVED_SECRET_PREFIX

PARAM_TYPE = "secret"
"""The param_type of a sys_param whose value refers to a secret."""

ENV, FILE = "env:", "file:"
"""The prefixes of references: `env:NAME` to an environment variable, `file:PATH` to a file."""

SPARK_PREFIX = "spark."
"""The prefix of a secret's param_key that is a Spark property; others are variables."""

SPARK_REDACTION_DEFAULT = "(?i)secret|password|token|access[.]?key"
"""The default of Spark 3.5 for spark.redaction.regex."""

# The first four are Spark's; `credential` only at the end, as Hadoop's keys of classes and paths
# have it in the middle.
KEY_PATTERNS = (
    "secret",
    "password",
    "token",
    "access[._-]?key",
    "passwd",
    "passphrase",
    "api[._-]?key",
    "private[._-]?key",
    "credentials?$",
)
"""Regular expressions that are searched for in keys, ignoring case."""

# Values that tell whether there is a secret, not what it is.
_NO_SECRETS = ("", "true", "false")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MOVED = re.compile(rf"{ENV}{MOVED_SECRET_PREFIX}\d+", re.ASCII)


def is_secret(
    key: str, value: str | int | float | bool, patterns: Iterable[str] = KEY_PATTERNS
) -> bool:
    """Return whether a value is a secret, as its key matches one of the regular expressions.

    A value that only tells whether there is a secret is not one: true, false, nothing.

    >>> is_secret("db.password", "hunter2"), is_secret("use.password", "true")
    (True, False)
    """
    may_hold_one = not isinstance(value, bool) and str(value).strip().lower() not in _NO_SECRETS
    return may_hold_one and any(re.search(pattern, key, re.IGNORECASE) for pattern in patterns)


def is_variable(name: str) -> bool:
    """Return whether an environment variable may have that name."""
    return _VARIABLE.fullmatch(name) is not None


def variable_of(value: object) -> str | None:
    """Return NAME of a value `env:NAME`, None for any other value.

    >>> variable_of("env:DB_PASSWORD"), variable_of("env:7up"), variable_of(7)
    ('DB_PASSWORD', None, None)
    """
    if not isinstance(value, str) or not value.startswith(ENV):
        return None
    name = value.removeprefix(ENV)
    return name if is_variable(name) else None


def is_secret_ref(value: str) -> bool:
    """Return whether a value refers to a secret: `env:NAME` or `file:PATH`."""
    if value.startswith(FILE):
        return bool(value.removeprefix(FILE).strip())
    return variable_of(value) is not None


def moved_ref(number: int) -> str:
    """Return the reference that replaces the n-th secret moved out of the parameters.

    >>> moved_ref(1), is_moved(moved_ref(1)), is_moved("env:DB_PASSWORD")
    ('env:JOB_SECRET_1', True, False)
    """
    return f"{ENV}{MOVED_SECRET_PREFIX}{number}"


def is_moved(value: str) -> bool:
    """Return whether a value is the reference to a secret moved out of the parameters."""
    return _MOVED.fullmatch(value) is not None
