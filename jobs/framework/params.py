"""The parameters of a job, read from the params file as typed and checked values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from framework.contract import context_params
from framework.contract.comma_list import comma_names
from framework.contract.context_params import BadRecords as BadRecords
from framework.contract.formats import KUDU, format_of
from framework.contract.system_settings import (
    CHECKS_BLOCKING,
    CHECKS_SOURCE_FILES,
    CHECKS_TEXT,
    PATHS_SHARED,
    SCHEMA_DRIFT,
)
from framework.errors import ParamsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KUDU_MASTER_OPTION = "kudu.master"
# The Spark property that applies if the option is not given.
KUDU_MASTER_PROPERTY = "spark.kudu.master"
NO_KUDU_MASTER = (
    f"names no masters of Kudu: put `options: {{{KUDU_MASTER_OPTION}: HOST:7051}}` there, or give "
    f"all Kudu tables theirs by the sys_param {KUDU_MASTER_PROPERTY} of param_type spark"
)

Mode = Literal["overwrite", "append"]

# sys_params of param_type system that a landing reads.
SETTINGS = {
    setting.key: setting
    for setting in (CHECKS_BLOCKING, CHECKS_SOURCE_FILES, CHECKS_TEXT, SCHEMA_DRIFT, PATHS_SHARED)
}


def table_options(
    spark: SparkSession, format: str, table: str, options: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the options that name a table; with an empty `table`, `options` must name it.

    Raises:
        ParamsError: If neither the options nor the session name Kudu's masters.
    """
    given = options or {}
    option = format_of(format).table_option
    added = {option: table} if table and option else {}
    if needs_kudu_master(format, given):
        masters = session_kudu_master(spark)
        if not masters:
            raise ParamsError(f"table {table or dict(given)}", [NO_KUDU_MASTER])
        added[KUDU_MASTER_OPTION] = masters
    return {**added, **given}


def needs_kudu_master(format: str, options: Mapping[str, str]) -> bool:
    """Return whether it is a table of Kudu whose options leave the masters to the session.

    Without masters the connector would look for one on this machine until it times out.
    """
    has_master = KUDU_MASTER_OPTION in {name.lower() for name in options}
    return format_of(format) is KUDU and not has_master


def session_kudu_master(spark: SparkSession) -> str | None:
    """Return the masters that the session sets for every table of Kudu, or None."""
    return spark.conf.get(KUDU_MASTER_PROPERTY, None)


@dataclass(frozen=True)
class Source(context_params.Source):
    """One input, with its options as Spark spells them."""

    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Sink(context_params.Sink):
    """One output, with its options as Spark spells them; mode append is for tables."""

    mode: Mode = "overwrite"
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def table_option(self) -> str | None:
        """Return the table's name in the options, which takes precedence over `path`, or None."""
        option = format_of(self.format).table_option
        return next((text for name, text in self.options.items() if name.lower() == option), None)


@dataclass(frozen=True)
class Window:
    """The process_control row of one business date."""

    biz_dt: date
    start_dt: date | None
    end_dt: date | None
    row: Mapping[str, Any]


@dataclass(frozen=True)
class JobParams:
    """The parameters of a run; `raw` is the whole file, for anything not typed here.

    `system` has the sys_params of param_type system by their keys; those in SETTINGS are checked.
    """

    job_id: str
    job_name: str
    run_id: str
    biz_dt: date
    biz_dts: tuple[date, ...]
    environment: str
    entity: str | None
    source_system: str | None
    sources: tuple[Source, ...]
    sinks: tuple[Sink, ...]
    hql: str | None
    allow_empty: bool
    timeout_minutes: float | None
    business_keys: tuple[str, ...] | None
    compare_cols: tuple[str, ...] | None
    windows: tuple[Window, ...]
    system: Mapping[str, str]
    file: str
    raw: Mapping[str, Any]

    def window(self, biz_dt: date) -> Window | None:
        """Return the process_control row of a date, or None if the file has none."""
        return next((each for each in self.windows if each.biz_dt == biz_dt), None)

    def key_columns(self, biz_dt: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return business_keys and compare_cols of a date: the job's own, else those of its row."""
        window = self.window(biz_dt)
        row = window.row if window else {}
        keys, compared = (
            comma_names(row.get(column)) if own is None else own
            for column, own in (
                ("business_keys", self.business_keys),
                ("compare_cols", self.compare_cols),
            )
        )
        return keys, compared

    @property
    def checks_are_blocking(self) -> bool:
        """Return whether a date whose keys fail their checks is kept from being published."""
        return self.system.get(CHECKS_BLOCKING.key) == "true"

    @property
    def source_files_are_refused(self) -> bool:
        """Return whether a date with files of another content than their source says is refused."""
        return self.system.get(CHECKS_SOURCE_FILES.key) != "report"

    @property
    def text_check(self) -> str:
        """Return how the texts that land are looked at for NUL and U+FFFD."""
        return self.system.get(CHECKS_TEXT.key, CHECKS_TEXT.default)

    @property
    def damaged_text_is_refused(self) -> bool:
        """Return whether a date whose texts hold NUL or U+FFFD is not published."""
        return self.text_check == "refuse"

    @property
    def drift_is_refused(self) -> bool:
        """Return whether a date with other columns than the last landing is not published."""
        return self.system.get(SCHEMA_DRIFT.key) == "refuse"

    @property
    def shared_folders(self) -> tuple[str, ...]:
        """Return the local folders that every node has under the same path."""
        return comma_names(self.system.get(PATHS_SHARED.key))
