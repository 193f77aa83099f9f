"""The keys and values that hold secrets, and the references to secrets that values may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from framework.contract.variables import MOVED_SECRET_PREFIX

PARAM_TYPE = "secret"
"""The param_type of a sys_param whose value refers to a secret."""

ENV, FILE = "env:", "file:"
"""The prefixes of references: `env:NAME` to an environment variable, `file:PATH` to a file."""

SPARK_PREFIX = "spark."
"""The prefix of a secret's param_key that is a Spark property; others are variables."""

SPARK_REDACTION_DEFAULT = "(?i)secret|password|token|access[.]?key"
"""The default of Spark 3.5 for spark.redaction.regex."""

# The first four are Spark's. Some only at the end, as keys of classes, paths and sizes have them in
# the middle (`credential`, `encryption.key`), and as words in others (`bypass`, `sas` of sasl).
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
    "(account|shared|storage|master|subscription)[._-]?key",
    "(encryption|keystore)[._-]?key([._-]list)?$",
    "(^|[._-])sas([._-]|key|url|uri|$)",
    "conn(ection)?[._-]?str(ing)?$",
    "pwd",
    "(?<!by)pass$",
    "jaas",
    "auth[._-]user[._-]info",
    "(^|[._-])authorization$",
    "signature$",
    "redis[._-]auth$",
)
"""Regular expressions that are searched for in keys, ignoring case."""

# What holds a password whatever its key: a URL with user and password, and the fields of a
# connection string. Fields of URLs have longer names too (`trustStorePassword`), but not words of
# other texts, such as SQL.
_IN_VALUE = re.compile(
    r"://[^/\s:@?#]*:([^/\s@]+)@"
    r"|(?:(?:^|[;?&,\s])(?:password|passwd|pwd|passphrase|account_?key"
    r"|shared_?access_?(?:key|signature)|access_?token|client_?secret|secret_?key|sas_?token|sig)"
    r"|[;?&,:][\w.-]*(?:password|passwd|pwd|passphrase|secret|token|signature"
    r"|(?:access|account|api|secret)[._-]?key))"
    r"\s*=\s*(?!(?:true|false)\b)([^\s;&,]+)",
    re.IGNORECASE,
)
# The password of a URL up to its last @, as one may hold an @ itself.
_LOGIN = re.compile(r"(://[^/\s:@?#]*:)[^/\s?#]+@")
# `…:thin:user/password@` of Oracle. Each word up to its @, so that a long value is searched once.
_UP_TO_HOST = re.compile(r"[^\s@]+@?")
_ORACLE = re.compile(r":(?:thin|oci8?):", re.IGNORECASE)
# Values that tell whether there is a secret, not what it is.
_NO_SECRETS = ("", "true", "false")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MOVED = re.compile(rf"{ENV}{MOVED_SECRET_PREFIX}\d+", re.ASCII)


def is_secret(
    key: str, value: str | int | float | bool, patterns: Iterable[str] = KEY_PATTERNS
) -> bool:
    """Return whether a value is a secret: by its key, or as it holds a password itself.

    A value that only tells whether there is a secret is not one: true, false, nothing.

    >>> is_secret("db.password", "hunter2"), is_secret("use.password", "true")
    (True, False)
    >>> is_secret("url", "jdbc:x://h/d?user=u&password=p"), is_secret("uri", "mongodb://u:p@h/d")
    (True, True)
    """
    if isinstance(value, bool) or str(value).strip().lower() in _NO_SECRETS:
        return False
    return is_secret_key(key, patterns) or bool(passwords_in(str(value)))


def is_secret_key(key: str, patterns: Iterable[str] = KEY_PATTERNS) -> bool:
    """Return whether what a key names is a secret, unless it only tells whether there is one."""
    return any(re.search(pattern, key, re.IGNORECASE) for pattern in patterns)


def passwords_in(value: str) -> list[str]:
    """Return the passwords that a URL or a connection string holds, as it spells them.

    >>> passwords_in("Endpoint=sb://h/;SharedAccessKey=a+b=;Timeout=3")
    ['a+b=']
    """
    of_oracle = [value[start:end] for start, end in _oracle_passwords(value)]
    return [*of_oracle, *(match[1] or match[2] for match in _IN_VALUE.finditer(value))]


def without_passwords(value: str, mask: str) -> str:
    """Return a value with a mask in the place of each password that it holds.

    >>> without_passwords("jdbc:x://u:p@ss@h/d?user=u&password=p w", "***")
    'jdbc:x://u:***@h/d?user=u&password=*** w'
    """
    value = _LOGIN.sub(lambda login: f"{login[1]}{mask}@", value)

    def masked(match: re.Match[str]) -> str:
        start, end = match.span(1 if match[1] else 2)
        return f"{value[match.start() : start]}{mask}{value[end : match.end()]}"

    value = _IN_VALUE.sub(masked, value)
    for start, end in reversed([*_oracle_passwords(value)]):
        value = f"{value[:start]}{mask}{value[end:]}"
    return value


def _oracle_passwords(value: str) -> Iterator[tuple[int, int]]:
    """Yield where each password of Oracle's drivers starts and ends."""
    if not _ORACLE.search(value):
        return
    for word in _UP_TO_HOST.finditer(value):
        driver = _ORACLE.search(word[0])
        start = word[0].find("/", driver.end()) + 1 if driver else 0
        if start and word[0][start:-1] and word[0][-1] == "@":
            yield word.start() + start, word.end() - 1


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
