"""The options of Spark's own data sources, so that a misspelled one is named.

Spark ignores an option that it does not know: with `headr: true` the header lands as a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from framework.contract.formats import CSV, JDBC, JSON, KUDU, ORC, PARQUET, TEXT, format_of

_FILES = (
    "ignoreCorruptFiles ignoreMissingFiles recursiveFileLookup basePath modifiedBefore "
    "modifiedAfter pathGlobFilter maxRecordsPerFile partitionOverwriteMode path"
)
_TEXTS = (
    "samplingRatio mode locale dateFormat timestampFormat timestampNTZFormat "
    "enableDateTimeParsingFallback multiLine lineSep columnNameOfCorruptRecord timeZone encoding "
    "charset compression"
)
SPARK_OPTIONS: Mapping[str, frozenset[str]] = {
    form: frozenset(" ".join(names).split())
    for form, names in {
        CSV.name: (
            _FILES,
            _TEXTS,
            "header inferSchema ignoreLeadingWhiteSpace ignoreTrailingWhiteSpace preferDate "
            "escapeQuotes quoteAll enforceSchema quote escape comment maxColumns maxCharsPerColumn "
            "charToEscapeQuoteEscaping emptyValue inputBufferSize nullValue nanValue positiveInf "
            "negativeInf unescapedQuoteHandling codec sep delimiter columnPruning",
        ),
        JSON.name: (
            _FILES,
            _TEXTS,
            "primitivesAsString prefersDecimal allowComments allowUnquotedFieldNames "
            "allowSingleQuotes allowNumericLeadingZeros allowNonNumericNumbers "
            "allowBackslashEscapingAnyCharacter allowUnquotedControlChars dropFieldIfAllNull "
            "ignoreNullFields pretty inferTimestamp writeNonAsciiCharacterAsCodePoint "
            "maxNestingDepth maxNumLen maxStringLen",
        ),
        TEXT.name: (_FILES, "compression wholetext encoding lineSep"),
        ORC.name: (_FILES, "mergeSchema compression"),
        PARQUET.name: (_FILES, "mergeSchema compression datetimeRebaseMode int96RebaseMode"),
        JDBC.name: (
            "url dbtable query driver partitionColumn lowerBound upperBound numPartitions "
            "queryTimeout fetchsize truncate cascadeTruncate createTableOptions "
            "createTableColumnTypes customSchema batchsize isolationLevel sessionInitStatement "
            "pushDownPredicate pushDownAggregate pushDownLimit pushDownOffset pushDownTableSample "
            "keytab principal tableComment refreshKrb5Config connectionProvider prepareQuery "
            "preferTimestampNTZ user password",
        ),
        KUDU.name: (
            "kudu.table kudu.master kudu.operation kudu.faultTolerantScan kudu.scanLocality "
            "kudu.ignoreNull kudu.ignoreDuplicateRowErrors kudu.repartition kudu.repartition.sort "
            "kudu.scanRequestTimeoutMs kudu.socketReadTimeoutMs kudu.batchSize "
            "kudu.keepAlivePeriodMs kudu.splitSizeBytes kudu.handleSchemaDrift "
            "kudu.useDriverMetadata kudu.snapshotTimestampMs kudu.saslProtocolName "
            "kudu.requireAuthentication kudu.encryptionPolicy",
        ),
    }.items()
}
"""The options of each format, of its reader and its writer; Spark ignores their case."""

_BY_FOLDED_NAME = {
    form: {name.lower(): name for name in names} for form, names in SPARK_OPTIONS.items()
}
# Names that differ by a letter or two. Lower values would take names that Spark or Kudu may have
# one day, timeFormat and kudu.requestTimeoutMs, for others.
_NEAR = 0.82
_NEAR_OF_KUDU = 0.9
# A hint costs nothing if it is wrong.
_LIKE = 0.6


def known_option(form: str, name: str) -> str | None:
    """Return how Spark spells an option of a format, None if it is not known here.

    >>> known_option("csv", "MULTILINE"), known_option("orc", "header")
    ('multiLine', None)
    """
    return _BY_FOLDED_NAME.get(format_of(form).name, {}).get(name.lower())


@dataclass(frozen=True)
class UnknownOption:
    """An option that Spark ignores.

    Attributes:
        name: The option.
        nearest: The known option that it resembles, None if it resembles none.
        is_misspelled: Whether it can't be anything else than the nearest, misspelled.
    """

    name: str
    nearest: str | None
    is_misspelled: bool

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"is not an option of this format, so Spark ignores it{hint}"


def unknown_options(form: str, names: Iterable[str]) -> Iterator[UnknownOption]:
    """Yield the options that Spark would ignore, as far as that can be known.

    A connector's own options can't be known, nor can those of a JDBC driver, and options of file
    formats with a dot, such as `orc.bloom.filter.columns`, are Hadoop's.

    >>> [str(each) for each in unknown_options("csv", ["HEADER", "headr", "orc.x"])]
    ['is not an option of this format, so Spark ignores it; did you mean header?']
    """
    known = _BY_FOLDED_NAME.get(format_of(form).name)
    if known is None:
        return
    is_kudu, is_jdbc = format_of(form) is KUDU, format_of(form) is JDBC
    for name in names:
        folded = name.strip().lower()
        if name.lower() in known or ("." in name and not is_kudu):
            continue
        near = _nearest(folded, known, _NEAR_OF_KUDU if is_kudu else _NEAR)
        if near or not is_jdbc:
            yield UnknownOption(
                name, near or _nearest(folded, known, _LIKE), bool(near) and not is_jdbc
            )


def _nearest(folded: str, known: Mapping[str, str], cutoff: float) -> str | None:
    if folded in known:
        return known[folded]
    # The names of Kudu share their beginning, which would make all of them alike.
    prefix = KUDU.name + "."
    short = {each.removeprefix(prefix): name for each, name in known.items()}
    found = get_close_matches(folded.removeprefix(prefix), short, n=1, cutoff=cutoff)
    return short[found[0]] if found else None
