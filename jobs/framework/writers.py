"""Write a DataFrame by Spark's plain writers; relative paths start at JOB_BASE_DIR.

Only `run_landing` replaces a date safely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from framework.contract.paths import base_location, for_spark, resolve
from framework.java_charsets import check_charsets
from framework.params import table_options
from framework.secrets import resolved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write_orc(
    df: DataFrame,
    path: str,
    *,
    partition_cols: Sequence[str] = (),
    mode: str = "errorifexists",
    options: Mapping[str, str] | None = None,
) -> None:
    """Write ORC files, as write_dataset does."""
    write_dataset(df, "orc", path, partition_cols=partition_cols, mode=mode, options=options)


def write_dataset(
    df: DataFrame,
    format: str,
    path: str,
    *,
    partition_cols: Sequence[str] = (),
    mode: str = "errorifexists",
    options: Mapping[str, str] | None = None,
) -> None:
    """Write files of any format that the session knows.

    Args:
        df: The rows.
        format: Spark's name of the format, such as orc, parquet, csv.
        path: The folder.
        partition_cols: Columns that become folders, outermost first.
        mode: Spark's save mode. "overwrite" deletes every partition of the folder first, and a
            failure afterwards leaves nothing: that is why it is not the default.
        options: The writer's options; `env:NAME` is replaced by that variable's value.

    Raises:
        pyspark.errors.AnalysisException: If the folder exists, or a column is missing.
        ParamsError: If an option is `env:NAME` and that variable is not set, or Java has no such
            encoding.
    """
    location, given = resolve(base_location(), path), resolved(options)
    check_charsets(df.sparkSession, format, location, given)
    writer = df.write.format(format).options(**given).mode(mode)
    if partition_cols:
        writer = writer.partitionBy(*partition_cols)
    writer.save(for_spark(location))


def append_to_table(
    df: DataFrame, format: str, table: str, *, options: Mapping[str, str] | None = None
) -> None:
    """Append to a table without files; `table` is empty if the options name it.

    Kudu replaces the rows of the same key (upsert), JDBC adds them.

    Raises:
        ParamsError: If neither the options nor the session name Kudu's masters, or an option is
            `env:NAME` and that variable is not set.
    """
    named = table_options(df.sparkSession, format, table, resolved(options))
    df.write.format(format).options(**named).mode("append").save()
