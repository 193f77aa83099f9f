"""The environment of a job's process: the orchestrator's own, without what is not the job's.

A job keeps what it does not name anywhere, such as the credentials of a cloud, as scripts read
those. It never gets what only the orchestrator needs, or what belongs to another job.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from framework.contract.secret_names import PARAM_TYPE, variable_of
from framework.contract.variables import JOB_VARIABLES, MOVED_SECRET_PREFIX, SECRET_NAMES
from orch_dagster.control.records import SysParam

WITHHELD = (
    *("-ORCH_CONTROL_URL", "-DAGSTER_*"),
    *(f"-{name}" for name in (*JOB_VARIABLES, SECRET_NAMES, f"{MOVED_SECRET_PREFIX}*")),
)
"""The rules of every job, before those of ORCH_JOB_ENV.

They are the control store, Dagster itself, and what a job has that calls `orch`.
"""

_ALL_BUT_NEEDED = "-*"
# What starts Python, Java and Spark, and finds a user's files, on any system.
_NEEDED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ"),
    *("TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_*", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("JAVA_HOME", "JAVA_TOOL_OPTIONS", "SPARK_*", "PYSPARK_*", "PYTHON*", "HADOOP_*", "YARN_*"),
    *("HIVE_*", "KRB5*"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME"),
    *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES*", "NUMBER_OF_PROCESSORS"),
    "PROCESSOR_*",
)


def job_environment(
    environ: Mapping[str, str],
    rules: Iterable[str] = (),
    secret_variables: Collection[str] = (),
    platform: str = sys.platform,
) -> dict[str, str]:
    """Return the variables of the orchestrator that a job's process inherits.

    >>> job_environment({"PATH": "/bin", "ORCH_CONTROL_URL": "x", "AWS_REGION": "y"}, ["-AWS_*"])
    {'PATH': '/bin'}

    Args:
        environ: The orchestrator's environment.
        rules: ORCH_JOB_ENV: patterns of names to pass on, or after a `-` to withhold; the last
            that matches decides. `-*` spares what programs need to start.
        secret_variables: The variables of other jobs' secrets.
        platform: As sys.platform has it; Windows ignores the case of names.
    """
    is_windows = platform == "win32"

    def spelled(name: str) -> str:
        return name.upper() if is_windows else name

    # A name has letters, digits, _ and dots, so it is its own pattern.
    # What programs need stays though it holds a secret of some job.
    of_others = [*secret_variables, *environ.get(SECRET_NAMES, "").split(",")]
    withheld = [f"-{name}" for name in of_others if spelled(name) not in _NEEDED]
    all_rules = [spelled(rule) for rule in (*WITHHELD, *withheld, *rules)]
    return {
        name: value for name, value in environ.items() if _is_passed_on(spelled(name), all_rules)
    }


def with_variables(
    environ: Mapping[str, str], more: Mapping[str, str], platform: str = sys.platform
) -> dict[str, str]:
    """Return an environment with more variables, each in the place of one of its name.

    >>> with_variables({"HTTP_PROXY": "old", "A": "1"}, {"http_proxy": "new"}, "win32")
    {'A': '1', 'http_proxy': 'new'}

    Args:
        environ: The environment.
        more: The variables; of two names that are one to the system, the later one's value.
        platform: As sys.platform has it. Windows ignores the case of names, but a process that is
            given two spellings of one may find either.
    """
    if platform != "win32":
        return {**environ, **more}
    last = {name.upper(): name for name in more}
    kept = {name: value for name, value in environ.items() if name.upper() not in last}
    return kept | {name: more[name] for name in last.values()}


def secret_variables(rows: Iterable[SysParam]) -> frozenset[str]:
    """Return the environment variables that rows of param_type secret name."""
    return frozenset(
        name
        for row in rows
        if row.param_type == PARAM_TYPE and (name := variable_of(row.param_value)) is not None
    )


def _is_passed_on(name: str, rules: Iterable[str]) -> bool:
    is_passed_on = True
    for rule in rules:
        if rule == _ALL_BUT_NEEDED:
            is_passed_on = is_passed_on and _is_needed(name)
        elif fnmatchcase(name, rule.removeprefix("-")):
            is_passed_on = not rule.startswith("-")
    return is_passed_on


def _is_needed(name: str) -> bool:
    return any(fnmatchcase(name.upper(), pattern) for pattern in _NEEDED)
