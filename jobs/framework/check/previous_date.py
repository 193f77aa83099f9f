"""Find the previous date that a sink of files holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from framework.contract import placeholders
from framework.contract.paths import join
from framework.plan import BIZ_DT, PlannedSink
from framework.storage.filesystem import FileSystem

# The range of the search, in both directions.
_YEARS = 20
# Two dates that differ in each part.
_UNLIKE = (date(2013, 4, 14), date(2024, 12, 25))


@dataclass(frozen=True)
class Landed:
    """The folder of a date, with data files of that size in it."""

    biz_dt: date
    folder: str
    size_bytes: int


class History:
    """The dates that a sink holds; folders are listed once.

    Args:
        fs: The sink's file system.
        planned: A sink of files.
        biz_dt: The landing's date.
    """

    def __init__(self, fs: FileSystem, planned: PlannedSink, biz_dt: date) -> None:
        self._fs = fs
        self._biz_dt = biz_dt
        self._template = planned.template
        if planned.has_biz_dt_folder:
            self._template = join(planned.root, f"{BIZ_DT}={{{BIZ_DT}}}")
        self._names: dict[str, frozenset[str]] = {}

    def before(self) -> Landed | None:
        """Return the newest date before this one.

        Raises:
            OSError: If the file system failed.
        """
        return self._first(self._biz_dt - timedelta(days) for days in range(1, _YEARS * 366))

    def last(self) -> Landed | None:
        """Return the newest date before this one or, without one, the newest after it.

        Raises:
            OSError: If the file system failed.
        """
        after = (self._biz_dt + timedelta(days) for days in range(_YEARS * 366, 0, -1))
        return self.before() or self._first(after)

    def _first(self, days: Iterator[date]) -> Landed | None:
        root = self._above_the_dates()
        if root is None or not self._names_in(root):
            return None
        for day in days:
            folder = placeholders.fill(self._template, {BIZ_DT: day})
            if self._is_there(root, folder) and (usage := self._fs.usage(folder)).files:
                return Landed(day, folder, usage.size_bytes)
        return None

    def _above_the_dates(self) -> str | None:
        """Return the folder of all dates, or None if the path has other placeholders too."""
        try:
            paths = [placeholders.fill(self._template, {BIZ_DT: day}) for day in _UNLIKE]
        except ValueError:
            return None
        first_path, second_path = (path.split("/") for path in paths)
        common = 0
        for first, second in zip(first_path, second_path, strict=False):
            if first != second:
                break
            common += 1
        return "/".join(first_path[:common])

    def _is_there(self, root: str, folder: str) -> bool:
        at = root
        for name in folder[len(root) + 1 :].split("/"):
            if name not in self._names_in(at):
                return False
            at = join(at, name)
        return True

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            self._names[folder] = frozenset(self._fs.names(folder))
        return self._names[folder]
