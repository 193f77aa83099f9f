"""Options of sources and sinks that a run would refuse, or that would name other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from framework.contract.braces import braces_fault
from framework.contract.charsets import charset_faults, charsets_of
from framework.contract.formats import JSON, Format
from framework.contract.validation import Option

_UTF8 = ("utf-8", "utf8", "unicode-1-1-utf-8")


def option_faults(options: Mapping[str, Option], traits: Format) -> Iterator[tuple[str, str]]:
    """Yield the options that name files, which Spark refuses beside a path, odd patterns, and
    character sets that Java has not, each with its key.
    """
    for name, value in options.items():
        if name.lower() == "pathglobfilter" and (fault := braces_fault(str(value))):
            yield f"options.{name}", fault
        if traits.is_staged and name.lower() == "path":
            yield f"options.{name}", "leave it out: `path` names the files"
    if traits.is_text:
        faults = charset_faults(options)
        for name, fault in faults or (_line_faults(options) if traits is JSON else ()):
            yield f"options.{name}", fault


def _line_faults(options: Mapping[str, Option]) -> Iterator[tuple[str, str]]:
    """Yield the encodings whose lines Spark does not find in JSON."""
    given = {name.lower(): str(value).lower() for name, value in options.items()}
    if given.get("multiline") == "true":
        return
    for name, charset in charsets_of(options).items():
        folded = charset.lower()
        if folded in ("utf-16", "utf16", "utf_16", "utf-32", "utf32", "utf_32"):
            yield (
                name,
                f"{charset} is read with multiLine: true only; lines need their order too, as "
                f'{charset}LE, and lineSep: "\\n"',
            )
        elif folded not in _UTF8 and not given.get("linesep"):
            yield name, f'{charset} needs lineSep: "\\n", or multiLine: true for one document'
