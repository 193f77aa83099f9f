"""Tell what `orch check` can't see of a job: functions and tables that its run may have."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

from framework.contract.hql_finding import Unseen

_CATALOG = "spark.sql.catalogImplementation"
_EXTENSIONS = "spark.sql.extensions"
_OTHER_CATALOGS = "spark.sql.catalog."
# What a script with nothing else can import, besides the standard library.
_PLAIN = {"framework"}
# Methods of a session by which HQL gets functions or tables.
_ADDING = {
    "udf", "udtf", "register", "registerFunction", "registerJavaFunction", "registerJavaUDAF",
    "createOrReplaceTempView", "createTempView", "createGlobalTempView", "registerTempTable",
    "createOrReplaceGlobalTempView", "enableHiveSupport", "saveAsTable", "sql", "exec_hql",
}  # fmt: skip


def unseen_of(properties: Mapping[str, str], script: Path | None) -> Unseen:
    """Return the reasons why a job may have other functions and tables.

    Args:
        properties: The Spark properties of its run.
        script: Its script; None if it is not on this machine.
    """
    by_script = _of_script(script)
    extension = _EXTENSIONS if properties.get(_EXTENSIONS) else None
    catalog = next((name for name in properties if name.startswith(_OTHER_CATALOGS)), None)
    if properties.get(_CATALOG) == "hive":
        catalog = _CATALOG
    of_functions = extension or catalog
    of_tables = catalog or extension
    return Unseen(
        functions=f"{of_functions} may bring it" if of_functions else by_script,
        tables=f"{of_tables} may bring it" if of_tables else by_script,
    )


def _of_script(script: Path | None) -> str | None:
    """Return why a script may add functions or tables to the session, None if it can't."""
    if script is None:
        return "the job's script, which is not on this machine, may bring it"
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return f"the job's script {script.name}, which can't be read, may bring it"
    nodes = list(ast.walk(tree))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    roots = {name.partition(".")[0] for name in modules}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    if roots <= _PLAIN | sys.stdlib_module_names and used.isdisjoint(_ADDING):
        return None
    return f"the job's script {script.name} may bring it"
