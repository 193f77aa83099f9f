"""The formats of sources and sinks, with the traits that decide how each is read and landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches


@dataclass(frozen=True)
class Format:
    """A data source of Spark, with its traits.

    Attributes:
        name: Spark's short name, or the class of a connector that is not listed here.
        classes: The full names that Spark takes for the same data source.
        table_option: The option that names the table, from `path`; None for files, which are
            staged and swapped. The rows of a table are appended, as they go to a service.
        query_option: The option of a table's source that may replace the table.
        is_writable: Whether Spark can write it.
        is_text: Whether its files are text without types.
        has_bad_records: Whether a record may fail to fit a schema, and is then quarantined.
        has_null_tokens: Whether texts of its files can mean null.
        tells_columns: Whether its files hold the names and types of their columns.
        read_back_options: The options that read the rows back as Spark wrote them.
    """

    name: str
    classes: tuple[str, ...] = ()
    table_option: str | None = None
    query_option: str | None = None
    is_writable: bool = True
    is_text: bool = False
    has_bad_records: bool = False
    has_null_tokens: bool = False
    tells_columns: bool = False
    read_back_options: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_staged(self) -> bool:
        """Return whether it is files, published by a swap of folders; a table is appended to."""
        return self.table_option is None

    @property
    def is_table(self) -> bool:
        """Return whether a path names a table instead of a file."""
        return self.table_option is not None


_BUILT_IN = "org.apache.spark.sql.execution.datasources"

CSV = Format(
    "csv",
    (
        f"{_BUILT_IN}.csv.CSVFileFormat",
        f"{_BUILT_IN}.v2.csv.CSVDataSourceV2",
        "com.databricks.spark.csv",
    ),
    is_text=True,
    has_bad_records=True,
    has_null_tokens=True,
    # Spark's writer leaves newlines inside values as they are.
    read_back_options={"multiLine": "true"},
)
JSON = Format(
    "json",
    (
        f"{_BUILT_IN}.json",
        f"{_BUILT_IN}.json.JsonFileFormat",
        f"{_BUILT_IN}.v2.json.JsonDataSourceV2",
        "org.apache.spark.sql.json",
    ),
    is_text=True,
    has_bad_records=True,
)
TEXT = Format(
    "text",
    (f"{_BUILT_IN}.text.TextFileFormat", f"{_BUILT_IN}.v2.text.TextDataSourceV2"),
    is_text=True,
)
ORC = Format(
    "orc",
    (
        f"{_BUILT_IN}.orc.OrcFileFormat",
        f"{_BUILT_IN}.v2.orc.OrcDataSourceV2",
        "org.apache.spark.sql.hive.orc",
        "org.apache.spark.sql.hive.orc.OrcFileFormat",
    ),
    tells_columns=True,
)
PARQUET = Format(
    "parquet",
    (
        f"{_BUILT_IN}.parquet",
        f"{_BUILT_IN}.parquet.ParquetFileFormat",
        f"{_BUILT_IN}.v2.parquet.ParquetDataSourceV2",
        "org.apache.spark.sql.parquet",
    ),
    tells_columns=True,
)
AVRO = Format(
    "avro",
    ("org.apache.spark.sql.avro.AvroFileFormat", "com.databricks.spark.avro"),
    tells_columns=True,
)
KUDU = Format("kudu", ("org.apache.kudu.spark.kudu",), table_option="kudu.table")
JDBC = Format(
    "jdbc",
    (f"{_BUILT_IN}.jdbc", f"{_BUILT_IN}.jdbc.JdbcRelationProvider", "org.apache.spark.sql.jdbc"),
    table_option="dbtable",
    query_option="query",
)

FORMATS = (
    CSV,
    JSON,
    TEXT,
    ORC,
    PARQUET,
    AVRO,
    KUDU,
    JDBC,
    Format("binaryFile", (f"{_BUILT_IN}.binaryfile.BinaryFileFormat",), is_writable=False),
    Format("image", ("org.apache.spark.ml.source.image.ImageFileFormat",), is_writable=False),
    Format("libsvm", ("org.apache.spark.ml.source.libsvm.LibSVMFileFormat",)),
    # These need a jar that the job's Spark properties name.
    Format("delta", ("io.delta.sql.DeltaDataSource",)),
    Format("excel", ("com.crealytics.spark.excel",)),
    Format("hudi", ("org.apache.hudi",)),
    Format("iceberg", ("org.apache.iceberg.spark.source.IcebergSource",)),
    Format("xml", ("com.databricks.spark.xml",)),
    *map(Format, ("bigquery", "cobol", "deltaSharing", "es", "geoparquet")),
    *map(Format, ("kafka", "mongodb", "redshift", "snowflake")),
)
_BY_NAME = {name.lower(): each for each in FORMATS for name in (each.name, *each.classes)}
# For Spark, a package's name means its class of this name.
_DEFAULT_CLASS = ".defaultsource"
_ANY_FILES = Format("")


def format_of(name: str) -> Format:
    """Return the format of a short or full name, ignoring case.

    An unlisted name is treated as files, which Spark reads and writes by a path.

    >>> format_of("org.apache.kudu.spark.kudu") is format_of("Kudu") is KUDU
    True
    >>> format_of("com.example.Format").is_staged
    True
    """
    known = _BY_NAME.get(name.lower().removesuffix(_DEFAULT_CLASS))
    return known or replace(_ANY_FILES, name=name)


def format_fault(name: str) -> str | None:
    """Return why a format can't be used, with the nearest name, or None if it is known.

    A name with dots is the class of a connector, which only Spark can look up.

    >>> format_fault("prquet")
    "'prquet' is not a format; did you mean parquet? A connector of your own is named by its class"
    """
    if "." in name or name.lower() in _BY_NAME:
        return None
    near = get_close_matches(name.lower(), [each.name.lower() for each in FORMATS], n=1)
    listed = ", ".join(sorted(each.name for each in FORMATS))
    hint = f"did you mean {format_of(near[0]).name}?" if near else f"known: {listed}."
    return f"{name!r} is not a format; {hint} A connector of your own is named by its class"
