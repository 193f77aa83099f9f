"""A folder of ORC for each day, each replaced as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Beside the days' folders, and hidden from Spark's readers by the underscore.
_WORK = re.compile(r"_work-(?P<day>\d{4}-\d\d-\d\d)-(?P<run_id>.+)")


class DayFolders:
    """ORC in a folder for each day, replaced as a whole, on any file system that Hadoop knows.

    A day is written beside its place, then the old folder is renamed away and the new one to its
    place. What a run leaves that is killed meanwhile, the day's next run puts right.

    Args:
        spark: Whose JVM does it.
        root: Where the folders are, as Hadoop takes it.
    """

    def __init__(self, spark: SparkSession, root: str) -> None:
        context: Any = spark.sparkContext
        self._spark = spark
        self._root = root
        self._hadoop: Any = context._jvm.org.apache.hadoop.fs
        self._files: Any = self._hadoop.FileContext.getFileContext(
            self._hadoop.Path(root).toUri(), context._jsc.hadoopConfiguration()
        )
        # With no option, a rename onto what is there is refused.
        rename = getattr(self._hadoop, "Options$Rename")
        self._no_overwrite: Any = context._gateway.new_array(rename, 0)

    def restore(self, day: date, is_over: Callable[[str], bool]) -> None:
        """Clear away what dead runs of the day left; where one left no day, put its old one back.

        Args:
            day: Other days are left alone.
            is_over: Whether the run of that id can do nothing more.
        """
        if not self._exists("."):
            return
        for status in self._files.util().listStatus(self._path(".")):
            name = str(status.getPath().getName())
            work = _WORK.fullmatch(name)
            if work is None or work["day"] != day.isoformat() or not is_over(work["run_id"]):
                continue
            if self._exists(f"{name}/old") and not self._exists(day_folder(day)):
                self._rename(f"{name}/old", day_folder(day))
            self._delete(name)

    def stage(self, rows: DataFrame, day: date, run_id: str) -> tuple[int, int]:
        """Write the rows beside the day's place; returns how many can be read there, and files.

        No rows are a file too: with the columns, and to tell that the day was looked at.
        """
        work = _work_folder(day, run_id)
        new = self._path(f"{work}/new").toString()
        try:
            rows.coalesce(1).write.orc(new)
            written = self._spark.read.schema(rows.schema).orc(new)
            return written.count(), len(written.inputFiles())
        except BaseException:
            self._delete(work)
            raise

    def publish(self, day: date, run_id: str) -> None:
        """Put what was staged in the day's place."""
        place, work = day_folder(day), _work_folder(day, run_id)
        had_one = self._exists(place)
        if had_one:
            self._rename(place, f"{work}/old")
        try:
            self._rename(f"{work}/new", place)
        except BaseException:
            if had_one:
                self._rename(f"{work}/old", place)
            raise
        self._delete(work)

    def _exists(self, name: str) -> bool:
        return bool(self._files.util().exists(self._path(name)))

    def _rename(self, name: str, to: str) -> None:
        self._files.rename(self._path(name), self._path(to), self._no_overwrite)

    def _delete(self, name: str) -> None:
        self._files.delete(self._path(name), True)

    def _path(self, name: str) -> Any:
        return self._hadoop.Path(f"{self._root}/{name}")


def day_folder(day: date) -> str:
    """The name of a day's folder, by which Spark reads the day as a column."""
    return f"day={day.isoformat()}"


def _work_folder(day: date, run_id: str) -> str:
    return f"_work-{day.isoformat()}-{run_id}"
