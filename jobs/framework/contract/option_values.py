"""Values of Spark's options that Spark refuses, or takes for something else without a word."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from framework.contract.formats import CSV, JSON, ORC, PARQUET, TEXT, format_of
from framework.contract.secret_names import variable_of
from framework.contract.spark_options import known_option
from framework.contract.validation import Option

_FORMATS = (CSV, JSON, TEXT, ORC, PARQUET)
_WHOLE = re.compile(r"[+-]?\d+")

_FLAGS = """
    header inferSchema ignoreLeadingWhiteSpace ignoreTrailingWhiteSpace preferDate escapeQuotes
    quoteAll enforceSchema multiLine enableDateTimeParsingFallback columnPruning primitivesAsString
    prefersDecimal allowComments allowUnquotedFieldNames allowSingleQuotes allowNumericLeadingZeros
    allowNonNumericNumbers allowBackslashEscapingAnyCharacter allowUnquotedControlChars
    dropFieldIfAllNull ignoreNullFields pretty inferTimestamp writeNonAsciiCharacterAsCodePoint
    wholetext mergeSchema recursiveFileLookup ignoreCorruptFiles ignoreMissingFiles
"""
_COUNTS = "maxColumns maxCharsPerColumn inputBufferSize maxRecordsPerFile"
_CHARACTERS = "quote escape comment"
_TEXTS = """
    nullValue nanValue positiveInf negativeInf emptyValue sep delimiter lineSep dateFormat
    timestampFormat timestampNTZFormat locale timeZone encoding charset compression codec
    columnNameOfCorruptRecord charToEscapeQuoteEscaping unescapedQuoteHandling pathGlobFilter
    basePath modifiedBefore modifiedAfter
"""
_MODES = ("PERMISSIVE", "DROPMALFORMED", "FAILFAST")


def value_faults(form: str, options: Mapping[str, Option]) -> Iterator[tuple[str, str]]:
    """Yield each option of a format of files with a value that it can't have, and the fault.

    >>> [*value_faults("csv", {"header": "yes", "nullValue": False, "quote": '"'})]
    [('header', "must be true or false, is 'yes'"), ('nullValue', 'must be text, is false: put it \
in quotes')]
    """
    is_of_files = format_of(form) in _FORMATS
    counts = Counter(map(str.lower, options))
    for name, value in options.items():
        if counts[name.lower()] > 1:
            yield name, "is given twice, as Spark ignores the case of options"
        if isinstance(value, float) and not math.isfinite(value):
            yield name, f"is {value}, which JSON does not have: put it in quotes if it is text"
        elif is_of_files and variable_of(value) is None:
            fault = _FAULTS.get(known_option(form, name) or "")
            if fault and (reason := fault(value)):
                yield name, reason


def _flag_fault(value: Option) -> str | None:
    is_flag = str(value).lower() in ("true", "false")
    return None if is_flag else f"must be true or false, is {value!r:.60}"


def _count_fault(value: Option) -> str | None:
    is_whole = not isinstance(value, bool) and _WHOLE.fullmatch(str(value))
    return None if is_whole else f"must be a whole number, is {value!r:.60}"


def _text_fault(value: Option) -> str | None:
    # YAML reads no, off, yes and on so.
    if isinstance(value, bool):
        return f"must be text, is {str(value).lower()}: put it in quotes"
    return None


def _character_fault(value: Option) -> str | None:
    if fault := _text_fault(value):
        return fault
    # As Java counts.
    is_one = len(str(value).encode("utf-16-le", "surrogatepass")) <= 2
    return None if is_one else f"must be one character, is {value!r:.60}"


def _mode_fault(value: Option) -> str | None:
    if str(value).upper() in _MODES:
        return None
    return f"must be {', '.join(_MODES[:-1])} or {_MODES[-1]}, is {value!r:.60}"


_FAULTS: Mapping[str, Callable[[Option], str | None]] = {
    **dict.fromkeys(_FLAGS.split(), _flag_fault),
    **dict.fromkeys(_COUNTS.split(), _count_fault),
    **dict.fromkeys(_CHARACTERS.split(), _character_fault),
    **dict.fromkeys(_TEXTS.split(), _text_fault),
    "mode": _mode_fault,
}
