"""Refuse tables that a job's HQL would create on the disks of executors, who don't share them.

Each executor would write its part on its own machine, and the driver, which sees none, would make
a table without rows of it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from framework import hql_text
from framework.contract.paths import as_location, is_absolute, is_local
from framework.contract.shared_paths import is_shared, runs_elsewhere
from framework.errors import SharedPathError
from framework.hql import Script

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WAREHOUSE = "spark.sql.warehouse.dir"
_CATALOG = "spark.sql.catalog."
_OWN_CATALOG = "spark_catalog"
_QUOTED = r"""(?P<quote>['"])(?P<path>.*?)(?P=quote)"""
_PART = re.compile(r"`(?:[^`]|``)*`|\$\{[^}]*\}[^\s.`(]*|[^\s.`(]+")
_NAME = rf"(?P<name>(?:{_PART.pattern})(?:\s*\.\s*(?:{_PART.pattern}))*)"
_CREATE = re.compile(
    r"\s*(?:create\s+(?:or\s+replace\s+)?|replace\s+)(?:external\s+)?table\s+"
    rf"(?:if\s+not\s+exists\s+)?{_NAME}",
    re.IGNORECASE,
)
_USE = re.compile(rf"\s*use\s+(?:(?:namespace|database|schema)\s+)?{_NAME}", re.IGNORECASE)
_LOCATION = re.compile(rf"\blocation\s+{_QUOTED}", re.IGNORECASE | re.DOTALL)
_PATH_OPTION = re.compile(r"\boptions\s*\([^)]*\bpath\b", re.IGNORECASE)
_DIRECTORY = re.compile(
    rf"\binsert\s+overwrite\s+(?P<is_local>local\s+)?directory\s+{_QUOTED}",
    re.IGNORECASE | re.DOTALL,
)
_USING = re.compile(r"\busing\s+`?(?P<format>[\w.]+|\$\{)", re.IGNORECASE)
# The others have their rows elsewhere.
_OF_FILES = frozenset({"avro", "csv", "hive", "json", "orc", "parquet", "text"})
# By such a statement, those without a LOCATION may be anywhere.
_OTHER_PLACES = re.compile(
    r"\s*(?:create|alter)\s+(?:database|schema|namespace)\b.*\blocation\b"
    r"|\s*set\s+(?:catalog\b|spark\.sql\.(?:catalog\.|defaultCatalog))",
    re.IGNORECASE | re.DOTALL,
)


def require_tables_seen(spark: SparkSession, script: Script, shared: Sequence[str] = ()) -> None:
    """Refuse a script that writes tables or folders where executors and driver see other files.

    Args:
        spark: The session.
        script: The script; what its variables name is not known yet.
        shared: The folders that every node has under the same path.

    Raises:
        SharedPathError: If it does; names the first.
    """
    master = str(spark.sparkContext.master)
    name = socket.gethostname().lower()
    own = (name, name.partition(".")[0], (spark.conf.get("spark.driver.host", None) or "").lower())
    if not runs_elsewhere(master, own):
        return
    codes = [hql_text.without_comments(each.text) for each in script.statements]
    is_catalog = partial(_is_catalog, spark)
    is_unknown = any(_OTHER_PLACES.match(code) or _leaves(code, is_catalog) for code in codes)
    warehouse = None if is_unknown else _warehouse(spark)
    for statement, code in zip(script.statements, codes, strict=True):
        location = local_target(code, warehouse, is_catalog)
        if location is not None and not is_shared(location, shared):
            raise SharedPathError(
                location,
                f"{script.file}:{statement.line} writes rows there, which the executors of "
                f"{master} would write each on its own machine (a table is in {_WAREHOUSE}, unless "
                "its statement has a LOCATION)",
            )


def local_target(
    code: str, warehouse: str | None, is_catalog: Callable[[str], bool] = lambda _: False
) -> str | None:
    """Return the folder of one machine to which a statement writes, None if that is not known.

    >>> local_target("CREATE TABLE t USING orc AS SELECT 1", "file:/work/warehouse")
    '/work/warehouse'
    >>> local_target("CREATE TABLE t USING orc LOCATION 'hdfs://nn/t' AS SELECT 1", "file:/work")

    Args:
        code: The statement, without comments.
        warehouse: Where the session has its tables; None if nobody knows.
        is_catalog: Tells whether a name is that of a catalog of its own.
    """
    if found := _DIRECTORY.search(code):
        return _local(found["path"], None, is_here=bool(found["is_local"]))
    if not (created := _CREATE.match(code)):
        return None
    if found := _LOCATION.search(code):
        return _local(found["path"], warehouse)
    used = _USING.search(code)
    names = _parts(created["name"])
    is_elsewhere = (
        (used is not None and used["format"].lower() not in _OF_FILES)
        or _PATH_OPTION.search(code)
        or len(names) > 2
        or (len(names) == 2 and is_catalog(names[0]))
        or _may_be_of_a_catalog(names)
    )
    return None if is_elsewhere or warehouse is None else _local(warehouse, None)


def _parts(name: str) -> list[str]:
    return [part.strip("`") for part in _PART.findall(name)]


def _may_be_of_a_catalog(names: Sequence[str]) -> bool:
    """Return whether a variable may name a catalog, with what follows or as a part of its own."""
    return names[0].startswith("${") or any("${" in name for name in names[:-1])


def _leaves(code: str, is_catalog: Callable[[str], bool]) -> bool:
    """Return whether what follows a USE may be in another catalog than Spark's own."""
    if not (used := _USE.match(code)):
        return False
    first = _parts(used["name"])[0]
    return "${" in first or is_catalog(first)


def _local(path: str, base: str | None, *, is_here: bool = False) -> str | None:
    """Return the location of a path, None if it is elsewhere or nobody knows."""
    if "${" in path:
        return None
    if path.lower().startswith("file:"):
        location = as_location(path)
        return location if is_local(location) else None
    if is_absolute(path):
        # Without a scheme it is on Hadoop's default file system, whichever that is.
        return as_location(path) if is_here and is_local(path) else None
    return _local(base, None) if base is not None else None


def _warehouse(spark: SparkSession) -> str | None:
    """Return where Spark's own catalog has the tables, None if another one may have them."""
    is_own = (
        spark.conf.get("spark.sql.catalogImplementation", "in-memory") == "in-memory"
        and spark.conf.get("spark.sql.defaultCatalog", _OWN_CATALOG) == _OWN_CATALOG
        and not _is_catalog(spark, _OWN_CATALOG)
    )
    return spark.conf.get(_WAREHOUSE, None) if is_own else None


def _is_catalog(spark: SparkSession, name: str) -> bool:
    return spark.conf.get(f"{_CATALOG}{name}", None) is not None
