"""The Spark properties of every run and test that neither the job nor spark-defaults.conf sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TIME_ZONE = "UTC"
"""The time zone of sessions, JVMs and Python's own times, wherever the machine is."""

SESSION_TIME_ZONE = "spark.sql.session.timeZone"

PYTHON_TIME_ZONE = "spark.executorEnv.TZ"

JVM_TIME_ZONE = f"-Duser.timezone={TIME_ZONE}"
"""The Java option for what ignores the session's zone: ORC's times, JDBC drivers, java.util."""


@dataclass(frozen=True)
class SparkDefault:
    """A Spark property with the value that it has by default.

    Attributes:
        name: The property.
        value: Its value.
        text: Its effect.
        is_local_only: Whether it holds for masters `local[..]` only.
    """

    name: str
    value: str
    text: str
    is_local_only: bool = False


SPARK_DEFAULTS: Sequence[SparkDefault] = (
    SparkDefault(
        SESSION_TIME_ZONE,
        TIME_ZONE,
        "Times are read and written on this zone's clock, not on the host's",
    ),
    SparkDefault(
        PYTHON_TIME_ZONE,
        TIME_ZONE,
        "The same for Python: a datetime without a zone, in the script, in its functions and in "
        "what it collects",
    ),
    SparkDefault(
        "spark.sql.ansi.enabled",
        "true",
        "A date, a number or an amount that can't be read or does not fit fails the job instead "
        "of landing as null",
    ),
    SparkDefault(
        "spark.sql.sources.partitionColumnTypeInference.enabled",
        "false",
        "The folder `branch=001` is read back as the text 001, as it was written, and not as 1",
    ),
    SparkDefault(
        "spark.sql.shuffle.partitions",
        "4",
        "Spark's 200 are for clusters; on one machine they only cost time",
        is_local_only=True,
    ),
)


def spark_defaults(master: str) -> dict[str, str]:
    """Return the default properties of a session with this master, by name."""
    is_local = master.startswith("local")
    return {each.name: each.value for each in SPARK_DEFAULTS if is_local or not each.is_local_only}
