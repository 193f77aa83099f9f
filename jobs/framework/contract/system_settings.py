"""The settings that rows of sys_params (param_type system) hold: key, parser, default and text.

`orch apply`, `orch doctor`, schedules, retries and jobs all read this table. Keys that a job's
script defines for itself are not in it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from framework.contract.setting_values import (
    calendar,
    choice,
    cron,
    minutes,
    seconds,
    shared_folders,
    time_zone,
    user_name,
    web_address,
    whole_number,
)

PARAM_TYPE = "system"

T = TypeVar("T")


@dataclass(frozen=True)
class SystemSetting(Generic[T]):
    """One setting.

    Attributes:
        key: Its param_key.
        parse: Returns the value of a text, or raises ValueError with the fault, as a sentence that
            begins with the text.
        default: The value without a row; or the environment variable of the orchestrator that
            holds it.
        text: Its meaning.
        read: When a change takes effect: at load, at the tick or in the run.
        may_be_blank: Whether a row without a value is ignored.
    """

    key: str
    parse: Callable[[str], T]
    default: str
    text: str
    read: str
    may_be_blank: bool = True

    @property
    def default_value(self) -> T:
        """Return the parsed default."""
        return self.parse(self.default)

    def error(self, value: str | None) -> str | None:
        """Return what is wrong with a row's param_value, None if nothing is."""
        if not value and self.may_be_blank:
            return None
        try:
            self.parse(value or "")
        except ValueError as error:
            return str(error)
        return None


SCHEDULE_CRON = SystemSetting(
    "schedule.cron",
    cron,
    "ORCH_SCHEDULE_CRON",
    "When the schedule ticks. A job with a cron of its own leaves the group's runs and gets its "
    "own schedule",
    "at load",
)
SCHEDULE_TIMEZONE = SystemSetting(
    "schedule.timezone",
    time_zone,
    "ORCH_SCHEDULE_TIMEZONE",
    "The time zone of the cron and of the group's dates",
    "at load",
)
SCHEDULE_CALENDAR = SystemSetting(
    "schedule.calendar",
    calendar,
    "",
    "Which days are business days: the open weekdays (`sun-thu`; without any, `mon-fri`), holidays "
    "(`2024-05-01`) and made-up working days (`+2024-05-04`), separated by commas or white space; "
    "or `file:PATH` (relative to ORCH_HOME) with such words and `#` comments",
    "at the tick",
)
SCHEDULE_OFFSET = SystemSetting(
    "schedule.offset",
    whole_number(999),
    "1",
    "How many business days a tick's business date lies before its local date; 0: the same day",
    "at the tick",
)
SCHEDULE_CATCHUP = SystemSetting(
    "schedule.catchup",
    whole_number(999),
    "5",
    "How many missed dates a tick requests besides its own; 0: none, missed dates are dropped",
    "at the tick",
)
RETRY_MAX = SystemSetting(
    "retry.max",
    whole_number(99),
    "0",
    "How many attempts may follow the first, 0 to 99",
    "in the run",
    may_be_blank=False,
)
RETRY_DELAY = SystemSetting(
    "retry.delay", seconds, "60", "Seconds before each", "in the run", may_be_blank=False
)
CHECKS_BLOCKING = SystemSetting(
    "checks.blocking",
    choice("true", "false"),
    "false",
    "`true`: a date whose keys fail a check is not published, the old data stays; `false`: the "
    "failure is only reported",
    "in the run",
)
CHECKS_SOURCE_FILES = SystemSetting(
    "checks.source_files",
    choice("refuse", "report"),
    "refuse",
    "`refuse`: a date whose source files are not text of the named encoding, or are packed in "
    "another way than their names say, is not landed; `report`: it is only logged, as a warning",
    "in the run",
)
CHECKS_TEXT = SystemSetting(
    "checks.text",
    choice("sources", "report", "refuse", "off"),
    "sources",
    "`refuse`: a date whose texts hold NUL or U+FFFD, as those of a wrong encoding do, is not "
    "published; `report`: such rows are only counted and reported; `sources`: they are counted "
    "where the bytes of a local text file hold such characters; `off`: nobody looks",
    "in the run",
)
SCHEMA_DRIFT = SystemSetting(
    "schema.drift",
    choice("report", "refuse"),
    "report",
    "`refuse`: a date with new or missing columns, or with columns of another type, is not "
    "published; `report`: the difference is only reported",
    "in the run",
)

QUEUE_MINUTES = SystemSetting(
    "queue.minutes",
    minutes,
    "720",
    "How long a job may wait for YARN to start its application, or for a worker of another cluster "
    "to take its tasks, in minutes; then it is ended. On YARN timeout_minutes counts from its "
    "start",
    "in the run",
)
SPARK_HISTORY_URL = SystemSetting(
    "spark.history.url",
    web_address,
    "",
    "Spark's history server, such as `http://history:18080`: a landed date links its application "
    "there",
    "in the run",
)
PATHS_SHARED = SystemSetting(
    "paths.shared",
    shared_folders,
    "",
    "The local folders, separated by commas, that every node of the cluster has mounted under the "
    "same path: where executors run on other machines, a job may read and land files below them "
    "only, or on a file system such as HDFS",
    "in the run",
)
PROXY_USER = SystemSetting(
    "proxy.user",
    user_name,
    "",
    "The user as whom a job asks the cluster, the `--proxy-user` of spark-submit, which no Spark "
    "property stands for; the cluster must let the orchestrator's own user do so "
    "(`hadoop.proxyuser…` in its core-site.xml)",
    "in the run",
)

SMALL = "small"
SPARK_PROFILE = SystemSetting(
    "spark.profile",
    choice("default", SMALL),
    "default",
    "`small`: for jobs that take seconds, the driver starts faster and computes slower (Java's "
    "first compiler alone and its serial collector), without Spark's UI, and with one shuffle "
    "partition a core of a local master; Spark properties of the job win",
    "in the run",
)

SPARK_SHARE = SystemSetting(
    "spark.share",
    choice("off", "group"),
    "off",
    "`group`: the jobs of the group that one run lands share one Spark application, each with a "
    "session of its own, where their Spark properties are the same and they are plain landings; "
    "`off`: each has an application of its own",
    "in the run",
)

_ALL: Sequence[SystemSetting[Any]] = (
    SCHEDULE_CRON,
    SCHEDULE_TIMEZONE,
    SCHEDULE_CALENDAR,
    SCHEDULE_OFFSET,
    SCHEDULE_CATCHUP,
    RETRY_MAX,
    RETRY_DELAY,
    CHECKS_BLOCKING,
    CHECKS_SOURCE_FILES,
    CHECKS_TEXT,
    SCHEMA_DRIFT,
    QUEUE_MINUTES,
    SPARK_HISTORY_URL,
    PATHS_SHARED,
    PROXY_USER,
    SPARK_PROFILE,
    SPARK_SHARE,
)
SYSTEM_SETTINGS: Mapping[str, SystemSetting[Any]] = {setting.key: setting for setting in _ALL}
"""Every setting by its key."""

# `schedule.` and the like: a key with such a prefix is meant as a setting.
_PREFIXES = tuple(sorted({key.partition(".")[0] + "." for key in SYSTEM_SETTINGS}))


@dataclass(frozen=True)
class UnknownKey:
    """A key that no setting has.

    Attributes:
        key: The key.
        nearest: The known key that it resembles most, None if it resembles none.
        is_own: Whether it may be a key of a job's script, as it has no prefix of a setting.
    """

    key: str
    nearest: str | None
    is_own: bool

    def __str__(self) -> str:
        known = f"did you mean {self.nearest}?" if self.nearest else f"those are {_listed()}"
        text = f"{self.key} is not a setting of param_type {PARAM_TYPE}: {known}"
        return f"{text} (a job's script may read it all the same)" if self.is_own else text


def unknown_key(key: str) -> UnknownKey | None:
    """Return the finding on a param_key of param_type system, None if a setting has it.

    >>> print(unknown_key("retry.maximum"))
    retry.maximum is not a setting of param_type system: did you mean retry.max?
    """
    if key in SYSTEM_SETTINGS:
        return None
    near = difflib.get_close_matches(key.strip().lower(), SYSTEM_SETTINGS, n=1, cutoff=0.6)
    is_own = not near and not key.strip().lower().startswith(_PREFIXES)
    return UnknownKey(key, near[0] if near else None, is_own)


def _listed() -> str:
    return ", ".join(SYSTEM_SETTINGS)
