"""Move the places that a test's job reads and writes below the test's data root."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from framework.contract.formats import format_of
from orch_dagster.registry.context_params import Sink, Source
from orch_dagster.testing.errors import KitError
from orch_dagster.testing.result import Result

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession
    from pyspark.sql.types import StructType

    from framework.report import LandingReport

# At least two letters, as C:/data is a path of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?://(?P<host>[^/]*))?(?P<rest>/.*)?")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def own_source(source: Source, name: str) -> Source:
    """Return the source at the same path below the data root.

    Raises:
        KitError: If it is a table, which has no path there.
    """
    if format_of(source.format).is_table:
        table = source.path or dict(source.options)
        raise KitError(f"{name} is the table {table} ({source.format}): give its rows, {name}=…")
    return _own_bad_records(replace(source, path=below_root(source.path)))


def at(source: Source) -> Source:
    """Return the source with its path taken literally, without placeholders."""
    path = source.path.replace("{", "{{").replace("}", "}}")
    return _own_bad_records(replace(source, path=path))


def _own_bad_records(source: Source) -> Source:
    """Return the source with the folder of its bad records, if it has one, below the data root."""
    bad_records = source.bad_records
    if not bad_records or not bad_records.path:
        return source
    own = replace(bad_records, path=below_root(bad_records.path))
    return replace(source, bad_records=own)


def own_sinks(sinks: Sequence[Sink], job_name: str) -> tuple[Sink, ...]:
    """Return the sinks at the same paths below the data root; tables become Parquet files."""
    return tuple(
        Sink(format="parquet", path=f"tables/{job_name}/{place}/{{biz_dt}}")
        if not sink.is_staged
        else replace(sink, path=below_root(sink.path))
        for place, sink in enumerate(sinks)
    )


def below_root(path: str) -> str:
    """Return the relative path of the same place below the data root, which it can't leave.

    >>> below_root("hdfs://nn:8020/land/{biz_dt}"), below_root("/land/x"), below_root("../x")
    ('nn_8020/land/{biz_dt}', 'land/x', 'x')
    """
    if _DRIVE.match(path):
        path = path[3:].replace("\\", "/")
    elif url := _URL.fullmatch(path):
        # Neither Hadoop nor Windows allows a colon in a folder's name.
        path = f"{(url['host'] or '').replace(':', '_')}/{url['rest'] or ''}"
    return "/".join(part for part in path.split("/") if part not in ("", ".", ".."))


def read_sinks(
    spark: SparkSession, sinks: Sequence[Sink], report: LandingReport
) -> Iterator[Result]:
    """Read what each sink holds for the reported date.

    The first sink is read with the types that the job reported; of the others, with those that the
    files and the landed partitions have.
    """
    from framework.columns import column, quoted
    from framework.contract.paths import for_spark, parent
    from framework.storage.partition_types import with_landed_types

    ddl = ", ".join(f"{quoted(each['name'])} {each['type']}" for each in report.columns)
    for place, (sink, landed) in enumerate(zip(sinks, report.sinks, strict=True)):
        options = {**sink.options, **format_of(sink.format).read_back_options}
        reader = spark.read.format(sink.format).options(**options)
        if sink.partition_cols[:1] == ("biz_dt",):
            # Else the column, which is in the folder's name only, would be missing.
            reader = reader.option("basePath", for_spark(parent(landed.path)))
        if place:
            location = for_spark(landed.path)
            rows = reader.load(location)
            yield Result.of(
                with_landed_types(rows, landed.path, partial(_with_schema, reader, location))
            )
            continue
        frame = reader.schema(ddl).load(for_spark(landed.path))
        yield Result.of(frame.select([column(each["name"]) for each in report.columns]))


def _with_schema(reader: DataFrameReader, location: str, schema: StructType) -> DataFrame:
    return reader.schema(schema).load(location)
