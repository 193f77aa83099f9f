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

NODES_PYTHON = "spark.pyspark.python"
"""The property that names the Python of the nodes: of the executors, and of a driver there."""

LOCAL_IP = "SPARK_LOCAL_IP"
"""The variable by which Spark chooses the address on which its driver and its UI listen."""

LOOPBACK = "127.0.0.1"
"""The value of LOCAL_IP with a local master, whose driver nobody else has to reach."""


@dataclass(frozen=True)
class SparkDefault:
    """A Spark property with the value that it has by default.

    Attributes:
        name: The property.
        value: Its value.
        text: Its effect.
        masters: The beginnings of the masters that it holds for; none for every master.
    """

    name: str
    value: str
    text: str
    masters: tuple[str, ...] = ()

    @property
    def masters_text(self) -> str:
        """Return the masters that it holds for, as the reference shows them."""
        return ", ".join(m if m == "yarn" else f"{m}…" for m in self.masters) or "all"


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
        masters=("local",),
    ),
    SparkDefault(
        "spark.ui.enabled",
        "false",
        "Spark's UI asks nobody for a password and listens on every address of the driver's host; "
        "with a local master it listens on that host's loopback alone, on YARN behind its proxy",
        masters=("spark://", "k8s://", "mesos://"),
    ),
    SparkDefault(
        NODES_PYTHON,
        "python3",
        "The Python of the nodes, as they find it on their PATH; a driver that runs here has the "
        "orchestrator's own",
        masters=("yarn", "k8s://"),
    ),
)


def spark_defaults(master: str) -> dict[str, str]:
    """Return the default properties of a session with this master, by name."""
    return {
        each.name: each.value
        for each in SPARK_DEFAULTS
        if not each.masters or master.startswith(each.masters)
    }
