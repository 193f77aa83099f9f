"""Keep the types of partition columns beside the files, as folders hold their values as text only.

Spark infers these types from the folders' names: 001, 01 and 1 become the number 1, and a column
that is null throughout gets a type that ORC can't be read with. So a landing writes the types into
the folder of its date, under a name that Spark and Hive hide: the file is swapped, rolled back,
copied and deleted with the date. Its name has a hash of its content, so that a table with many
dates is read by a listing and one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from framework.contract.context_params import BIZ_DT
from framework.contract.paths import join, parent
from framework.errors import PartitionTypesError
from framework.plan import PlannedSink
from framework.storage.filesystem import FileSystem
from framework.storage.routed import RoutedFileSystem

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructField, StructType

_FILE = "_partition_types-"
_VERSION = 1
_INTEGRALS = ("tinyint", "smallint", "int", "bigint")
# Another landing may swap the dates between a listing and the reading.
_ATTEMPTS = 5


def write_partition_types(
    fs: FileSystem, planned: PlannedSink, folder: str, schema: StructType
) -> None:
    """Write the types of the sink's partition columns to the staged folder of a date.

    biz_dt is left out: its folders are ISO dates, a text or a date as the session has it.

    Raises:
        OSError: If the file system failed.
    """
    from pyspark.sql.types import StructType

    fields = {field.name.lower(): field for field in schema.fields}
    names = [name.lower() for name in planned.sink.partition_cols]
    kept = StructType([fields[name] for name in names if name != BIZ_DT])
    if kept.fields:
        content = {"version": _VERSION, "partition_columns": kept.jsonValue()}
        data = json.dumps(content, indent=1, sort_keys=True).encode()
        fs.write_atomic(join(folder, f"{_FILE}{sha256(data).hexdigest()[:8]}.json"), data)


def with_landed_types(
    rows: DataFrame,
    location: str,
    read: Callable[[StructType], DataFrame],
    explicit: Callable[[], Collection[str]] = tuple,
    unknown: Mapping[str, DataType] | None = None,
) -> DataFrame:
    """Return the rows of a location with its partition columns in the types that were landed.

    Those of dates that tell none stay as Spark reads them, except that a column which is null
    throughout becomes a string. Dates with different types get one that holds the values of all.

    Args:
        rows: The rows as Spark reads them.
        location: Their location, which may be a pattern.
        read: Reads the location with a schema.
        explicit: Returns the columns whose types the user gave, in lower case.
        unknown: The types of columns that no date tells, in lower case; by default Spark's.

    Raises:
        PartitionTypesError: If a file with types can't be read.
        OSError: If the file system failed.
    """
    from pyspark.sql.types import BinaryType, StringType, StructType

    spark = rows.sparkSession
    columns = [each for each in _partition_columns(rows) if each.name.lower() != BIZ_DT]
    if not columns:
        return rows
    given = explicit()
    inferred = {each.name: each.dataType for each in columns if each.name.lower() not in given}
    landed, is_complete = _landed_types(RoutedFileSystem(spark), location)
    types: dict[str, DataType] = {}
    for name, type_ in inferred.items():
        known = landed.get(name.lower())
        default = (unknown or {}).get(name.lower())
        if known is None and default is not None:
            types[name] = default
        else:
            types[name] = _common(type_, known or (), is_complete=is_complete)
    if types == inferred:
        return rows
    # Spark would take the bytes of the folder's name without undoing its escapes.
    binary = {name for name, type_ in types.items() if isinstance(type_, BinaryType)}
    readable = {name: StringType() if name in binary else each for name, each in types.items()}
    typed = read(StructType([_with_type(field, readable) for field in rows.schema.fields]))
    for name in binary:
        typed = typed.withColumn(name, typed[name].cast(BinaryType()))
    return typed


def _with_type(field: StructField, types: Mapping[str, DataType]) -> StructField:
    from pyspark.sql.types import StructField

    if field.name not in types:
        return field
    return StructField(field.name, types[field.name], field.nullable, field.metadata)


def _partition_columns(rows: DataFrame) -> list[StructField]:
    """Return the columns that are folders, which only Spark's plan tells."""
    from pyspark.sql.types import StructType

    frame: Any = rows
    plan = frame._jdf.queryExecution().analyzed()
    if plan.nodeName() != "LogicalRelation":
        return []
    relation = plan.relation()
    if relation.getClass().getSimpleName() != "HadoopFsRelation":
        return []
    return StructType.fromJson(json.loads(relation.partitionSchema().json())).fields


def _common(inferred: DataType, landed: Collection[DataType], *, is_complete: bool) -> DataType:
    """Return a type that holds the values of all dates without loss.

    Args:
        inferred: Spark's type: a string, where its inference is off.
        landed: The types of the dates that tell them.
        is_complete: Whether all dates do.
    """
    from pyspark.sql.types import NullType, StringType

    has_values = not isinstance(inferred, NullType)
    types = {*landed}
    if has_values and not (landed and is_complete):
        types.add(inferred)
    if len(types) == 1:
        return types.pop()
    names = [each.simpleString() for each in types]
    if types and all(name in _INTEGRALS for name in names):
        return max(types, key=lambda each: _INTEGRALS.index(each.simpleString()))
    if is_complete or not has_values or StringType() in types:
        return StringType()
    return inferred


def _landed_types(fs: FileSystem, location: str) -> tuple[dict[str, set[DataType]], bool]:
    """Return the types by column in lower case, and whether every date tells its own."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _look_up(fs, location)
        except FileNotFoundError:
            continue
    return _look_up(fs, location)


def _look_up(fs: FileSystem, location: str) -> tuple[dict[str, set[DataType]], bool]:
    for dates, pattern in _places(location):
        files = fs.glob(join(pattern, f"{_FILE}*.json"))
        if files:
            known = {parent(file) for file in files}
            is_complete = known.issuperset(fs.glob(dates))
            # The files of one name have one content.
            distinct = {file.rpartition("/")[2]: file for file in files}
            types: dict[str, set[DataType]] = {}
            for file in distinct.values():
                for field in _read(fs, file).fields:
                    types.setdefault(field.name.lower(), set()).add(field.dataType)
            return types, is_complete
    return {}, False


def _places(location: str) -> Iterator[tuple[str, str]]:
    """Yield patterns of the folders of dates, and where their types may be: there, below, above."""
    yield location, location
    yield join(location, "*=*"), join(location, "*")
    folder = location
    while "=" in folder.rpartition("/")[2]:
        folder = parent(folder)
        yield folder, folder


def _read(fs: FileSystem, file: str) -> StructType:
    from pyspark.sql.types import StructType

    try:
        return StructType.fromJson(json.loads(fs.read_bytes(file))["partition_columns"])
    except (ValueError, KeyError, TypeError) as error:
        raise PartitionTypesError(file, error) from error
