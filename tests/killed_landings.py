"""What has to be true of dates whose landings were cut off by kill -9."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from framework.publish.decoding import decode
from framework.publish.journal import journal_location
from tests.held_landings import JOB, KINDS, POINTS_FILE, TABLES, biz_dt_of, day_after, fill

# Every step of publishing, by the function at work there.
STEPS = {
    "_acquire", "publication", "staging", "_enter swapping", "apply", "_enter done", "cleanup",
    "release", "remove_empty_parents",
}  # fmt: skip
_FEWEST_POINTS, _MOST_POINTS = 80, 180


@dataclass
class Dates:
    """The dates of two tables: those that landings are held at, and those between them.

    Attributes:
        root: The data root.
        pid: The process that holds them.
        parent: Its parent.
        steps: Of each date that is held, the step.
    """

    root: Path
    pid: int = 0
    parent: int = 0
    steps: dict[str, str] = field(default_factory=dict)
    _untouched: dict[str, tuple[str, int]] = field(default_factory=dict)
    _expected: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Give every date between, and every date that is to be replaced, its data."""
        for number in range(1, _MOST_POINTS // len(KINDS)):
            for kind in KINDS:
                biz_dt = biz_dt_of(number, kind)
                for table in TABLES:
                    fill(self.folder(table, day_after(biz_dt)), "neighbour")
                    if kind == "replacing":
                        fill(self.folder(table, biz_dt), "old")
        self._untouched = self._neighbours()

    def are_held(self) -> bool:
        """Whether all are where they are to be killed; reads which they are."""
        file = self.root / POINTS_FILE
        if not file.exists():
            return False
        said = json.loads(file.read_text())
        self.pid, self.parent = said["pid"], said["parent"]
        self.steps = {point["biz_dt"]: point["step"] for point in said["points"]}
        assert len(self.steps) == len(said["points"]) < _MOST_POINTS
        return True

    def note_expected(self) -> None:
        """Read in the journals what recovery has to give, and make torn ones old enough."""
        self._expected = {biz_dt: self._promised(biz_dt) for biz_dt in self.steps}
        assert set(self._expected.values()) == {"old", "new", "absent"}

    def now_expect(self, biz_dt: str, text: str) -> None:
        """A date has landed since."""
        self._expected[biz_dt] = text

    def check_date(self, biz_dt: str) -> None:
        """A date is whole and what its journal promised."""
        assert self._content(biz_dt) == self._expected[biz_dt], self.steps[biz_dt]

    def check(self) -> None:
        """Each date is whole and what its journal promised; nothing else changed or is left."""
        assert {biz_dt: self._content(biz_dt) for biz_dt in self.steps} == self._expected
        assert self._neighbours() == self._untouched
        for table in TABLES:
            left = [p.name for p in (self.root / table).iterdir() if "biz_dt=" not in p.name]
            assert left == []

    def cut_off(self) -> set[str]:
        """The dates that have a journal."""
        return {biz_dt for biz_dt in self.steps if self.journal(biz_dt).exists()}

    def check_points(self, victim: str) -> None:
        """Every step was hit; says how often."""
        hits = Counter(self.steps.values())
        listed = ", ".join(f"{step} {hits[step]}" for step in sorted(hits))
        print(f"\nkill -9 of {victim} at {len(self.steps)} points: {listed}")  # noqa: T201
        assert set(hits) == STEPS
        assert len(self.steps) >= _FEWEST_POINTS

    def folder(self, table: str, biz_dt: str) -> Path:
        """A date's folder in a table."""
        return self.root / table / f"biz_dt={biz_dt}"

    def journal(self, biz_dt: str) -> Path:
        """The journal of a date."""
        first = self.folder(TABLES[0], biz_dt).as_posix()
        return Path(journal_location(first, JOB, biz_dt))

    def _promised(self, biz_dt: str) -> str:
        journal = self.journal(biz_dt)
        if not journal.exists():
            return self._content(biz_dt)
        try:
            state = decode(journal.read_bytes(), journal.as_posix()).state
        except ValueError:
            os.utime(journal, (0, 0))
            return self._content(biz_dt)
        if state != "staging":
            return "new"
        # Nothing was touched.
        return self._content(biz_dt)

    def _content(self, biz_dt: str) -> str:
        """What both tables hold; a half folder, or a mix, shows as several."""
        found: set[str] = set()
        for table in TABLES:
            files = sorted(self.folder(table, biz_dt).glob("*"))
            whole = [file.name for file in files] == ["part-0", "part-1"]
            found |= {file.read_text() for file in files} if whole else {f"{len(files)} files"}
        return " and ".join(sorted(found)).replace("0 files", "absent")

    def _neighbours(self) -> dict[str, tuple[str, int]]:
        """Content and modification time of each file of the dates between, and of their folders."""
        found: dict[str, tuple[str, int]] = {}
        for number in range(1, _MOST_POINTS // len(KINDS)):
            for kind in KINDS:
                for table in TABLES:
                    folder = self.folder(table, day_after(biz_dt_of(number, kind)))
                    found[str(folder)] = ("", folder.stat().st_mtime_ns)
                    for file in folder.iterdir():
                        found[str(file)] = (file.read_text(), file.stat().st_mtime_ns)
        return found
