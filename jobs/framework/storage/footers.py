"""Count the rows of ORC and Parquet files by their footers, in the driver, without a Spark job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from framework.contract.formats import ORC, PARQUET, format_of
from framework.contract.paths import for_spark
from framework.logging import get_logger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def has_footers(format: str) -> bool:
    """Return whether the files of a format tell in their footers how many rows they hold."""
    return format_of(format) in (ORC, PARQUET)


def rows_of_files(
    spark: SparkSession, format: str, locations: Sequence[str], options: Mapping[str, str]
) -> list[int] | None:
    """Return the number of rows of each file, None if the driver can't read all of the footers.

    Args:
        spark: The session.
        format: A format that has footers.
        locations: The files.
        options: The reader's options, which may hold a file system's credentials.
    """
    from py4j.protocol import Py4JJavaError

    session: Any = spark
    jvm = session._jvm
    given = jvm.PythonUtils.toScalaMap(dict(options))
    conf = session._jsparkSession.sessionState().newHadoopConfWithOptions(given)
    count = _orc_counter(jvm, conf) if format_of(format) is ORC else _parquet_counter(jvm, conf)
    new_path: Any = jvm.org.apache.hadoop.fs.Path
    try:
        return [count(new_path(for_spark(location))) for location in locations]
    except Py4JJavaError as error:
        first_line = str(error.java_exception.toString()).partition("\n")[0]
        get_logger("framework.footers").info("footers are left to Spark: %s", first_line)
        return None


def _orc_counter(jvm: Any, conf: Any) -> Callable[[Any], int]:
    orc = jvm.org.apache.orc.OrcFile

    def count(path: Any) -> int:
        # ORC keeps a file's footer in the options, and would take it for the next file's.
        reader = orc.createReader(path, orc.readerOptions(conf))
        try:
            return int(reader.getNumberOfRows())
        finally:
            reader.close()

    return count


def _parquet_counter(jvm: Any, conf: Any) -> Callable[[Any], int]:
    files = jvm.org.apache.parquet.hadoop.util.HadoopInputFile
    readers = jvm.org.apache.parquet.hadoop.ParquetFileReader

    def count(path: Any) -> int:
        reader = readers.open(files.fromPath(path, conf))
        try:
            return int(reader.getRecordCount())
        finally:
            reader.close()

    return count
