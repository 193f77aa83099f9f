"""Keep the tables of one run, date or test out of the next one's sight."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.session import is_running

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CATALOG = "spark.sql.catalogImplementation"
# No name of Spark's holds it.
_BETWEEN = "\0"


@dataclass(frozen=True)
class _Database:
    tables: frozenset[str]
    functions: frozenset[str]


@contextmanager
def tables_of_its_own(spark: SparkSession) -> Generator[None]:
    """Drop after a block the tables, functions and databases that it created, and its caches.

    This is about Spark's own catalog, which all sessions of an application share and which ends
    with it. A metastore is left alone.
    """
    if spark.conf.get(_CATALOG) != "in-memory":
        yield
        return
    before, views = _databases(spark), _global_views(spark)
    try:
        yield
    finally:
        if is_running(spark):
            _drop_new(spark, before)
            for view in _global_views(spark) - views:
                spark.catalog.dropGlobalTempView(view)
            _clear_cache(spark)


def _drop_new(spark: SparkSession, before: Mapping[str, _Database]) -> None:
    catalog = _shared(spark).externalCatalog()
    for name, database in _databases(spark).items():
        earlier = before.get(name, _Database(frozenset(), frozenset()))
        for table in sorted(database.tables - earlier.tables):
            kind = str(catalog.getTable(name, table).tableType().name())
            what = "VIEW" if kind == "VIEW" else "TABLE"
            spark.sql(f"DROP {what} IF EXISTS {_quoted(name)}.{_quoted(table)}")
        for function in sorted(database.functions - earlier.functions):
            spark.sql(f"DROP FUNCTION IF EXISTS {_quoted(name)}.{_quoted(function)}")
        if name not in before:
            spark.sql(f"DROP DATABASE IF EXISTS {_quoted(name)} CASCADE")


def _databases(spark: SparkSession) -> dict[str, _Database]:
    catalog = _shared(spark).externalCatalog()
    return {
        name: _Database(_names(catalog.listTables(name)), _names(catalog.listFunctions(name, "*")))
        for name in _names(catalog.listDatabases())
    }


def _global_views(spark: SparkSession) -> frozenset[str]:
    return _names(_shared(spark).globalTempViewManager().listViewNames("*"))


def _clear_cache(spark: SparkSession) -> None:
    # A cached plan may equal that of another date, whose files have other rows.
    if not _shared(spark).cacheManager().isEmpty():
        spark.catalog.clearCache()


def _shared(spark: SparkSession) -> Any:
    session: Any = spark
    return session._jsparkSession.sharedState()


def _names(sequence: Any) -> frozenset[str]:
    text = str(sequence.mkString(_BETWEEN))
    return frozenset(text.split(_BETWEEN)) if text else frozenset()


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
