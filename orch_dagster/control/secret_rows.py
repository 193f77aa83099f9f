"""Check the rows of sys_params that refer to a secret, before any run."""

from __future__ import annotations

import re

from framework.contract import variables
from framework.contract.secret_names import FILE, SPARK_PREFIX, is_secret_ref, is_variable
from orch_dagster.referenced_files import ReferencedFiles

# Properties that become an argument of spark-submit or of its JVMs, or that the UI shows.
_PARTS_OF_COMMAND = re.compile(
    r"spark\.(master|app\.name|jars|files|redaction\.regex|submit\..*|yarn\.(tags|archives|jars)"
    r"|(driver|executor|yarn\.am)\.(defaultJavaOptions|extraJavaOptions|extraClassPath"
    r"|extraLibraryPath|memory|cores))"
)
# The variables of the job's contract, and those that start Python, Java and Spark.
_OWN_VARIABLES = frozenset(
    {*variables.JOB_VARIABLES, variables.SECRET_NAMES}
    | {"JAVA_HOME", "CLASSPATH", "PATH", "HOME", "LD_LIBRARY_PATH"}
    | {"HADOOP_HOME", *variables.HADOOP_CONF_DIRS}
)
_OWN_PREFIXES = ("ORCH_", "DAGSTER_", variables.MOVED_SECRET_PREFIX, "SPARK_", "PYSPARK_", "PYTHON")
_NO_PLACE = (
    "param_value of a secret says where it is, as env:NAME or file:PATH, and this one (not shown) "
    "does not: keep the secret there, and its place here"
)


def secret_ref_error(key: str, value: str) -> str | None:
    """Return what is wrong with param_key and param_value of a secret, None if nothing is."""
    return key_fault(key) or (None if is_secret_ref(value) else _NO_PLACE)


def secret_place_error(key: str, value: str, files: ReferencedFiles) -> str | None:
    """Return the same, or why the file that the value names may not be read."""
    if (error := secret_ref_error(key, value)) or not value.startswith(FILE):
        return error
    return files.place_fault(value.removeprefix(FILE).strip())


def is_part_of_command(name: str) -> bool:
    """Return whether a property becomes an argument of a process, which other users can see."""
    return _PARTS_OF_COMMAND.fullmatch(name) is not None


def is_own_variable(name: str) -> bool:
    """Return whether a variable is reserved, as it starts a job or its programs."""
    # Case-insensitively, as on Windows.
    upper = name.upper()
    return upper in _OWN_VARIABLES or upper.startswith(_OWN_PREFIXES)


def key_fault(key: str) -> str | None:
    """Return what is wrong with the name of a secret, None if nothing is."""
    if key.startswith(SPARK_PREFIX):
        if is_part_of_command(key):
            return (
                f"{key} becomes a part of a command line, which others may see: no secret may be "
                f"in it; give it the param_type spark"
            )
        return None
    if not is_variable(key):
        return (
            f"param_key {key} can't be a secret: one that does not start with {SPARK_PREFIX} is an "
            f"environment variable of the job (letters, digits and _, no digit first); rename it"
        )
    if is_own_variable(key):
        return (
            f"param_key {key} can't be a secret: that variable is set for every job; choose "
            f"another name"
        )
    return None
