"""Find the header in the first bytes of a CSV file, and split it as Spark does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from framework.storage.file_heads import FileHeads

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The first is enough for nearly all files; the last is a bound for files without any line end.
_SIZES = (8 << 10, 256 << 10, 16 << 20)
_LINE_ENDS = r"\r\n|\n|\r"
_BOM = "\ufeff"


class HeaderText:
    """The header of files that are read with some options, by Spark's own parser."""

    def __init__(self, spark: SparkSession, options: Mapping[str, str]) -> None:
        session: Any = spark
        self._jvm: Any = session._jvm
        given = self._jvm.PythonUtils.toScalaMap(dict(options))
        csv: Any = self._jvm.org.apache.spark.sql.catalyst.csv
        self._csv: Any = csv.CSVOptions(given, False, spark.conf.get("spark.sql.session.timeZone"))
        self._charset = str(self._csv.charset())
        self._is_multi_line = bool(self._csv.multiLine())
        self._quote = str(self._csv.quote())
        self.null_value = str(self._csv.nullValue())
        self._comment = str(self._csv.comment()) if self._csv.isCommentSet() else None
        separator = self._csv.lineSeparator()
        self._line_end = re.compile(
            re.escape(str(separator.get())) if separator.isDefined() else _LINE_ENDS
        )

    def find(self, heads: FileHeads, url: str) -> str:
        """Return a file's header as text, '' if the file has no line with more than blanks.

        Raises:
            SourceGoneError: If the file is gone.
        """
        for size in _SIZES:
            data = heads.read(url, size)
            is_whole = len(data) < size or size == _SIZES[-1]
            found = self._first_line(self._decoded(data), is_whole)
            if found is not None:
                return found
        return ""

    def is_first(self, heads: FileHeads, url: str, found: str) -> bool:
        """Return whether a file begins with its header, without blank lines or comments before."""
        start = self._decoded(heads.read(url, _SIZES[0]))
        return start.startswith(found[: len(start)])

    def cells(self, text: str) -> tuple[str | None, ...]:
        """Return the cells of a header, None for an empty one."""
        parser = self._jvm.com.univocity.parsers.csv.CsvParser(self._csv.asParserSettings())
        if self._is_multi_line:
            parser.beginParsing(self._jvm.java.io.StringReader(text))
            cells = parser.parseNext()
            parser.stopParsing()
        else:
            cells = parser.parseLine(text)
        mapper = self._jvm.com.fasterxml.jackson.databind.ObjectMapper()
        return tuple(json.loads(mapper.writeValueAsString(cells)) or ())

    def names(self, text: str) -> tuple[str, ...]:
        """Return the names in a header, without blanks around, and empty ones at the end."""
        names = [(name or "").strip() for name in self.cells(text)]
        while names and not names[-1]:
            names.pop()
        return tuple(names)

    def _decoded(self, data: bytes) -> str:
        if self._charset.upper() == "UTF-8":
            text = data.decode("utf-8", "replace")
        else:
            # Java and Python differ in the names of charsets, and in UTF-16 without a mark.
            text = str(self._jvm.java.lang.String(data, self._charset))
        return text.removeprefix(_BOM)

    def _first_line(self, text: str, is_whole: bool) -> str | None:
        """Return the first line that is no comment, all from there if it may go on, else None."""
        start = 0
        for end in self._line_end.finditer(text):
            line = text[start : end.start()]
            if self._counts(line):
                # Within quotes a header may hold line ends.
                is_open = self._is_multi_line and self._quote in line
                return text[start:] if is_open else line
            start = end.end()
        if not is_whole:
            return None
        return text[start:] if self._counts(text[start:]) else ""

    def _counts(self, line: str) -> bool:
        stripped = line.strip()
        return bool(stripped) and not (self._comment and stripped.startswith(self._comment))
