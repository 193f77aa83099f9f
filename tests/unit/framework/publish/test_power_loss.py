"""A cut of power at every change of a landing: the old or the new date, whole, in every sink.

tests/endurance/framework/test_power_loss.py has the pairs: a kill and a cut, and two cuts.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from framework.storage import local
from framework.storage.local import LocalFileSystem
from tests.cut_landings import SHAPES, BrokenPromise, Proof
from tests.power_loss import ForgetfulDisk, Tree

# What the local file system flushes, by its method and line.
FLUSHES = (
    "_make_dirs: self._disk.sync_folder(created.parent.as_posix())",
    "create_exclusive: self._disk.sync(file)",
    "create_exclusive: self._disk.sync_folder(parent(location))",
    "write_atomic: self._disk.sync(file)",
    "write_atomic: self._disk.sync_folder(parent(location))",
    "make_durable: self._disk.sync(file)",
    "make_durable: self._disk.sync_folder(folder)",
    "rename: self._disk.sync_folder(parent(target))",
    "delete: self._disk.sync_folder(parent(location))",
)
# Those that a recovery needs, by the flush before which the landing was killed.
FLUSHES_AFTER_A_KILL = {
    "_make_dirs: self._disk.sync_folder(folder.parent.as_posix())": "_make_dirs",
    "make_durable: self._disk.sync_folder(parent(location))": "rename",
}
FEWEST_STATES = 150


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cut_leaves_the_old_or_the_new_date_whole(
    tmp_path: Path, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = Proof(tmp_path / "disk", SHAPES[shape])
    proof.cut_landing()
    with capsys.disabled():
        print(f"\ncut of power, {shape}: {proof.summary()}")  # noqa: T201
    assert proof.counts["disk states"] >= FEWEST_STATES
    assert set(proof.contents()) == {proof.before, "new"}


@pytest.mark.parametrize("dropped", FLUSHES)
def test_a_cut_breaks_a_promise_without_this_flush(tmp_path: Path, dropped: str) -> None:
    proof = Proof(tmp_path / "disk", SHAPES["two tables"], dropped, all_of=2)
    with pytest.raises(BrokenPromise):
        proof.cut_landing()


@pytest.mark.parametrize(("dropped", "before"), FLUSHES_AFTER_A_KILL.items())
def test_a_kill_and_a_cut_break_a_promise_without_this_flush(
    tmp_path: Path, dropped: str, before: str
) -> None:
    proof = Proof(tmp_path / "disk", SHAPES["two tables"], dropped, all_of=1)
    with pytest.raises(BrokenPromise):
        proof.kill_and_cut(before)


def test_every_flush_is_left_out_above() -> None:
    source = Path(local.__file__).read_text(encoding="utf-8")
    assert sorted(re.findall(r"self\._disk\.sync.*", source)) == sorted(
        flush.partition(": ")[2] for flush in (*FLUSHES, *FLUSHES_AFTER_A_KILL)
    )


def states(root: Path, disk: ForgetfulDisk) -> set[frozenset[tuple[str, bytes | None]]]:
    seen = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    assert seen == set(disk.tree())
    return {frozenset(tree.items()) for _, tree in disk.after_cuts(disk.changes)}


def of(*trees: Tree) -> set[frozenset[tuple[str, bytes | None]]]:
    return {frozenset(tree.items()) for tree in trees}


def test_the_disk_forgets_what_was_not_flushed(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    disk = ForgetfulDisk(root, {"a": None})
    with disk.open(f"{root}/a/x", "xb") as file:
        disk.write(file, b"text")
        contents = (b"", b"te", bytes(4), b"text")
        assert states(root, disk) == of({"a": None}, *({"a": None, "a/x": c} for c in contents))
        disk.sync(file)
    assert states(root, disk) == of({"a": None}, {"a": None, "a/x": b"text"})
    disk.sync_folder(f"{root}/a")
    assert states(root, disk) == of({"a": None, "a/x": b"text"})


def test_a_rename_is_on_the_disk_whole_or_not_at_all(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    disk = ForgetfulDisk(root, {"a": None, "a/x": b"1", "b": None})
    disk.rename(f"{root}/a/x", f"{root}/b/y")
    before, after = {"a": None, "a/x": b"1", "b": None}, {"a": None, "b": None, "b/y": b"1"}
    assert states(root, disk) == of(before, after)
    disk.unlink(f"{root}/b/y")
    assert states(root, disk) == of(before, after, {"a": None, "b": None})
    disk.sync_folder(f"{root}/a")
    assert states(root, disk) == of(after, {"a": None, "b": None})


def test_what_is_in_a_folder_goes_with_it(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    disk = ForgetfulDisk(root, {})
    LocalFileSystem(disk).create_exclusive(f"{root}/a/x", b"1")
    assert states(root, disk) == of({"a": None, "a/x": b"1"})
    disk.make_folder(f"{root}/b")
    with disk.open(f"{root}/b/y", "xb") as file:
        disk.sync(file)
    disk.sync_folder(f"{root}/b")
    assert states(root, disk) == of(
        {"a": None, "a/x": b"1"}, {"a": None, "a/x": b"1", "b": None, "b/y": b""}
    )
