"""Tell the Spark property that a name means: an option of spark-submit, or a misspelt property."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from framework.contract.system_settings import PROXY_USER

# The names in the jars of Spark 3.5.8.
_FILE = Path(__file__).with_name("spark_properties.txt")

# Names below these are free.
_OPEN = (
    "spark.hadoop.", "spark.hive.", "spark.executorEnv.", "spark.yarn.appMasterEnv.",
    "spark.mesos.driverEnv.", "spark.sql.catalog.", "spark.metrics.conf.", "spark.kubernetes.",
    "spark.executor.resource.", "spark.driver.resource.", "spark.task.resource.",
)  # fmt: skip
# So that spark.kudu.master, the property of a connector, is not taken for a misspelt one.
_ALIKE = 0.87
# As in numExecutors.
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PREFIX = re.compile(r"^spark\.(?:(?:yarn|submit)\.)?")
_CONF = re.compile(r"^(?:--conf|-c)\s+")

SUBMIT_OPTIONS: Mapping[str, str] = {
    "archives": "spark.archives",
    "class": "",
    "conf": "",
    "deploy-mode": "spark.submit.deployMode",
    "driver-class-path": "spark.driver.extraClassPath",
    "driver-cores": "spark.driver.cores",
    "driver-java-options": "spark.driver.extraJavaOptions",
    "driver-library-path": "spark.driver.extraLibraryPath",
    "driver-memory": "spark.driver.memory",
    "exclude-packages": "spark.jars.excludes",
    "executor-cores": "spark.executor.cores",
    "executor-memory": "spark.executor.memory",
    "files": "spark.files",
    "jars": "spark.jars",
    "keytab": "spark.kerberos.keytab",
    "master": "spark.master",
    "name": "spark.app.name",
    "num-executors": "spark.executor.instances",
    "packages": "spark.jars.packages",
    "principal": "spark.kerberos.principal",
    "properties-file": "",
    # A sys_param of param_type system, as no property stands for it.
    "proxy-user": PROXY_USER.key,
    "py-files": "spark.submit.pyFiles",
    "queue": "spark.yarn.queue",
    "repositories": "spark.jars.repositories",
    "supervise": "",
    "total-executor-cores": "spark.cores.max",
    "verbose": "",
}
"""Each option of spark-submit with the property that stands for it; '' if none is needed."""

_UNNEEDED = {
    "class": "leave it out, as a Python script has no class",
    "conf": "give each property a row of its own",
    "properties-file": "give each property a row of its own, or put it into spark-defaults.conf",
    "supervise": "leave it out, as each run is supervised, and retried by retry.max",
    "verbose": "write spark.log.level, which says how much Spark logs",
}


def option_remedy(name: str) -> str | None:
    """Return what to write in place of an option of spark-submit, None if it is none.

    >>> option_remedy("--num-executors"), option_remedy("spark.files")
    ('write spark.executor.instances', None)
    >>> option_remedy("spark.deployMode"), option_remedy("spark.yarn.numExecutors")
    ('write spark.submit.deployMode', 'write spark.executor.instances')
    """
    if name in _known().values():
        return None
    option = _HUMP.sub("-", name.strip().lstrip("-")).replace("_", "-").lower()
    option = _PREFIX.sub("", option).replace(".", "-")
    property_name = SUBMIT_OPTIONS.get(option)
    if property_name is None or property_name == name:
        return None
    if property_name == PROXY_USER.key:
        return f"write {PROXY_USER.key}, with param_type system"
    return f"write {property_name}" if property_name else _UNNEEDED[option]


def prefix_remedy(name: str) -> str | None:
    """Return what to write in place of a name that does not begin with `spark.`, None if unknown.

    >>> prefix_remedy("--conf spark.yarn.queue"), prefix_remedy("yarn.queue")
    ('write spark.yarn.queue', 'write spark.yarn.queue')
    """
    bare = _CONF.sub("", name.strip())
    if remedy := option_remedy(bare):
        return remedy
    whole = bare if bare.lower().startswith("spark.") else f"spark.{bare}"
    known = _known().get(whole.lower())
    return f"write {known}" if known else property_remedy(whole)


def property_remedy(name: str) -> str | None:
    """Return which property an unknown name means, None if it is known or resembles none.

    >>> property_remedy("spark.executor.memroy"), property_remedy("spark.executor.memory")
    ('did you mean spark.executor.memory?', None)
    """
    known = _known()
    if name in known.values() or name.startswith(_OPEN):
        return None
    near = difflib.get_close_matches(name.strip().lower(), known, n=1, cutoff=_ALIKE)
    return f"did you mean {known[near[0]]}?" if near else None


def is_property(name: str) -> bool:
    """Return whether Spark itself has a property of that name, whose case counts."""
    return _known().get(name.lower()) == name


@cache
def _known() -> Mapping[str, str]:
    """Return the known properties by their names in lower case."""
    return {name.lower(): name for name in _FILE.read_text(encoding="utf-8").split()}
