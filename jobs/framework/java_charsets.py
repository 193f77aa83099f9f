"""Refuse a character set that the driver's Java has not, in place of its bare exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from framework.contract.charsets import charset_faults, charsets_of
from framework.contract.formats import format_of
from framework.errors import ParamsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def check_charsets(
    spark: SparkSession, form: str, location: str, options: Mapping[str, str]
) -> None:
    """Refuse options of text files that name a character set which can't be used.

    Raises:
        ParamsError: If there are any; names each option.
    """
    named = charsets_of(options) if format_of(form).is_text else {}
    if not named:
        return
    faults = [f"options.{name}: {fault}" for name, fault in charset_faults(options)]
    if not faults:
        session: Any = spark
        jvm = session._jvm
        known = jvm.java.nio.charset.Charset.isSupported
        version = jvm.java.lang.System.getProperty("java.version")
        faults = [
            f"options.{name}: the driver's Java {version} has no character set {charset!r}"
            for name, charset in named.items()
            if not known(charset)
        ]
    if faults:
        raise ParamsError(location, faults)
