"""How secrets are spelled: which keys hold one, and how a value says where one is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from framework.contract.variables import MOVED_SECRET_PREFIX

PARAM_TYPE = "secret"
"""The param_type of a sys_param whose value says where a secret is."""

ENV, FILE = "env:", "file:"
"""What begins a reference: `env:NAME` an environment variable, `file:PATH` a file."""

SPARK_PREFIX = "spark."
"""What begins the param_key of a secret that is a Spark property; others are variables."""

SPARK_REDACTION_DEFAULT = "(?i)secret|password|token|access[.]?key"
"""What Spark 3.5 takes for secret keys where spark.redaction.regex says nothing."""

# The first four are Spark's; Hadoop has class names and paths under `credential` in the middle of
# a key.
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
"""Regular expressions looked for in keys, in any case of letters."""

# Values that say whether, not what.
_NO_SECRETS = ("", "true", "false")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MOVED = re.compile(rf"{ENV}{MOVED_SECRET_PREFIX}\d+", re.ASCII)


def is_secret(
    key: str, value: str | int | float | bool, patterns: Iterable[str] = KEY_PATTERNS
) -> bool:
    """Return whether a value is a secret: one of the regular expressions is found in its key.

    A value that only says whether there is one is not a secret: true, false, nothing.

    >>> is_secret("db.password", "hunter2"), is_secret("use.password", "true")
    (True, False)
    """
    says_what = not isinstance(value, bool) and str(value).strip().lower() not in _NO_SECRETS
    return says_what and any(re.search(pattern, key, re.IGNORECASE) for pattern in patterns)


def is_variable(name: str) -> bool:
    """Return whether an environment variable may have that name."""
    return _VARIABLE.fullmatch(name) is not None


def variable_of(value: object) -> str | None:
    """Return NAME of a value `env:NAME`, None of any other value.

    >>> variable_of("env:DB_PASSWORD"), variable_of("env:7up"), variable_of(7)
    ('DB_PASSWORD', None, None)
    """
    if not isinstance(value, str) or not value.startswith(ENV):
        return None
    name = value.removeprefix(ENV)
    return name if is_variable(name) else None


def is_secret_ref(value: str) -> bool:
    """Return whether a value says where a secret is: `env:NAME` or `file:PATH`."""
    if value.startswith(FILE):
        return bool(value.removeprefix(FILE).strip())
    return variable_of(value) is not None


def moved_ref(number: int) -> str:
    """Return what stands in the parameters for the n-th secret that was taken out of them.

    >>> moved_ref(1), is_moved(moved_ref(1)), is_moved("env:DB_PASSWORD")
    ('env:JOB_SECRET_1', True, False)
    """
    return f"{ENV}{MOVED_SECRET_PREFIX}{number}"


def is_moved(value: str) -> bool:
    """Return whether a value stands for a secret that was taken out of the parameters."""
    return _MOVED.fullmatch(value) is not None
