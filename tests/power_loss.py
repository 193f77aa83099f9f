"""A disk that forgets what was not flushed, and every state in which a cut of power may leave it.

The model is the least that POSIX promises: a flush (fsync) of a file makes its content durable, not
its name; a flush of a folder makes the names in it durable, and with them both ends of the renames
that gave or took them. Of what was not flushed, any part may be on the disk, in any order:

- of the entries made, renamed and removed since, any subset. One rename is there whole or not at
  all, as on every file system with a journal, and what happens to one file, one folder or one name
  stays in turn: a later change of it does not come without the earlier one.
- of the content of a file: what it was before, half of it, zeros in its length, or all of it.

A real disk (ext4, xfs, btrfs, APFS, NTFS) keeps more: it writes in order, or in batches. Left out
are disks that lie about flushes and sectors that go bad.
"""

from __future__ import annotations

import itertools
import linecache
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from framework.storage.disk import Disk, plain_location

Tree = Mapping[str, "bytes | None"]
"""Files with their content, and folders (None), by their paths below the root."""

_ROOT = 0


class Killed(BaseException):
    """Stands for the end of the process: nothing in the code under test may catch it."""


@dataclass(frozen=True, eq=False)
class _Entries:
    """A change of entries, all or none: (folder, name) to what is there then.

    Attributes:
        node: The file or folder that is made, moved or removed.
        edits: One for each end.
    """

    node: int
    edits: tuple[tuple[int, str, int | None], ...]

    @property
    def folders(self) -> set[int]:
        return {folder for folder, _, _ in self.edits}


@dataclass(frozen=True)
class _Content:
    """A file's content from now on."""

    file: int
    data: bytes


@dataclass(frozen=True)
class _Flush:
    """A flush of a file or folder, and who asked for it."""

    node: int
    name: str


_Event = _Entries | _Content | _Flush


@dataclass
class _Names:
    """Folders with their entries, and files with their content."""

    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {_ROOT: {}})
    files: dict[int, bytes] = field(default_factory=dict)

    def copy(self) -> _Names:
        folders = {node: dict(entries) for node, entries in self.folders.items()}
        return _Names(folders, dict(self.files))

    def edit(self, change: _Entries) -> None:
        for folder, name, node in change.edits:
            if node is None:
                self.folders[folder].pop(name, None)
            else:
                self.folders[folder][name] = node

    def paths(self) -> dict[str, int]:
        """What can be reached from the root."""
        found: dict[str, int] = {}
        left = [("", _ROOT)]
        while left:
            path, folder = left.pop()
            for name, node in self.folders[folder].items():
                below = f"{path}/{name}" if path else name
                found[below] = node
                if node in self.folders:
                    left.append((below, node))
        return found

    def tree(self) -> dict[str, bytes | None]:
        return {path: self.files.get(node) for path, node in self.paths().items()}


class ForgetfulDisk(Disk):
    """Carries the changes out below a folder, and keeps what was flushed and what was not.

    Args:
        root: The folder.
        tree: What it holds, all of it durable; the folder is made so.
        dropped: A flush to leave out, by the file system's method and line.
        stop_at: The number of the change before which the process ends.

    Attributes:
        changes: How many changes and flushes there were.
    """

    def __init__(
        self, root: Path, tree: Tree, dropped: str | None = None, stop_at: int | None = None
    ) -> None:
        self._prefix = f"{root.as_posix()}/"
        self._dropped = dropped
        self.stop_at = stop_at
        self._now = _Names()
        self._events: list[_Event] = []
        self._next = _ROOT + 1
        _write(root, tree)
        for path in sorted(tree):
            folder, name = self._place(path)
            node = self._new(tree[path])
            self._now.edit(_Entries(node, ((folder, name, node),)))
        self._durable = self._now.copy()
        self.grow_old()

    @property
    def changes(self) -> int:
        return len(self._events)

    def flushes(self) -> Iterator[tuple[int, str]]:
        """The flushes, by their numbers, with the file system's method and line."""
        for number, event in enumerate(self._events):
            if isinstance(event, _Flush):
                yield number, event.name

    def tree(self) -> dict[str, bytes | None]:
        """What the processes see."""
        return self._now.tree()

    def grow_old(self) -> None:
        """Let the files be of long ago: what was just written is no matter here."""
        for path, node in self._now.paths().items():
            if node in self._now.files:
                os.utime(self._prefix + path, (0, 0))

    def after_cuts(self, first: int = 0, all_of: int = 7) -> Iterator[tuple[int, Tree]]:
        """Every state in which a cut after so many changes, or more, may leave the disk.

        All subsets of what was not flushed are tried of at most `all_of` changes of entries; of
        more, those that lack or have one, and those that end early.
        """
        state = _AfterCut(self._durable.copy(), all_of)
        for number, event in enumerate(self._events):
            # Until the next flush, each change only adds to the states.
            if isinstance(event, _Flush) and number >= first:
                yield from ((number, tree) for tree in state.trees())
            state.take(event)
        yield from ((self.changes, tree) for tree in state.trees())

    def open(self, location: str, mode: Literal["xb", "wb", "rb", "r+b"]) -> BinaryIO:
        self._live()
        file = super().open(location, mode)
        folder, name = self._place(location)
        node = self._now.folders[folder].get(name)
        if node is None:
            node = self._new(b"")
            self._durable.files[node] = b""
            self._edit(node, (folder, name, node))
        elif mode == "wb":
            self._fill(node, b"")
        return file

    def write(self, file: BinaryIO, data: bytes) -> None:
        self._live()
        super().write(file, data)
        node = self._node(str(file.name))
        self._fill(node, self._now.files[node] + data)

    def sync(self, file: BinaryIO) -> None:
        self._flush(str(file.name))

    def sync_folder(self, location: str) -> None:
        if not Path(location).is_dir():
            raise FileNotFoundError(location)
        self._flush(location)

    def make_folder(self, location: str) -> None:
        self._live()
        if Path(location).is_dir():
            return
        super().make_folder(location)
        node = self._new(None)
        self._durable.folders[node] = {}
        self._edit(node, (*self._place(location), node))

    def rename(self, source: str, target: str) -> None:
        self._live()
        super().rename(source, target)
        self._move(source, target)

    def replace(self, source: str, target: str) -> None:
        self._live()
        super().replace(source, target)
        self._move(source, target)

    def unlink(self, location: str) -> None:
        self._live()
        super().unlink(location)
        self._edit(self._node(location), (*self._place(location), None))

    def remove_folder(self, location: str) -> None:
        self._live()
        super().remove_folder(location)
        self._edit(self._node(location), (*self._place(location), None))

    def remove_tree(self, location: str) -> None:
        for folder, _, names in os.walk(location, topdown=False):
            for name in names:
                self.unlink(f"{folder}/{name}")
            self.remove_folder(folder)

    def _live(self) -> None:
        if self.stop_at is not None and self.changes >= self.stop_at:
            raise Killed(f"before change {self.stop_at}")

    def _flush(self, location: str) -> None:
        self._live()
        name = _caller()
        if f"{_plain(location)}/".startswith(self._prefix) and name != self._dropped:
            self._events.append(_Flush(self._node(location), name))

    def _move(self, source: str, target: str) -> None:
        node = self._node(source)
        self._edit(node, (*self._place(source), None), (*self._place(target), node))

    def _edit(self, node: int, *edits: tuple[int, str, int | None]) -> None:
        change = _Entries(node, edits)
        self._now.edit(change)
        self._events.append(change)

    def _fill(self, node: int, data: bytes) -> None:
        self._now.files[node] = data
        self._events.append(_Content(node, data))

    def _new(self, content: bytes | None) -> int:
        node, self._next = self._next, self._next + 1
        if content is None:
            self._now.folders[node] = {}
        else:
            self._now.files[node] = content
        return node

    def _node(self, path: str) -> int:
        node = _ROOT
        for name in filter(None, self._below(path).split("/")):
            node = self._now.folders[node][name]
        return node

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = self._below(path).rpartition("/")
        return self._node(folder), name

    def _below(self, path: str) -> str:
        """Return a path below the root, however it is spelled."""
        return f"{_plain(path)}/".removeprefix(self._prefix).rstrip("/")


def _plain(path: str) -> str:
    return plain_location(PurePath(path)) if os.name == "nt" and path else path


class _AfterCut:
    """What is durable, and what may be, as the changes and flushes come in."""

    def __init__(self, durable: _Names, all_of: int) -> None:
        self._durable = durable
        self._all_of = all_of
        self._entries: list[_Entries] = []
        self._unflushed: dict[int, list[bytes]] = {}

    def take(self, event: _Event) -> None:
        if isinstance(event, _Entries):
            self._entries.append(event)
        elif isinstance(event, _Content):
            self._unflushed.setdefault(event.file, []).append(event.data)
        elif event.node in self._durable.folders:
            flushed = [c for c in self._entries if event.node in c.folders]
            self._settle(self._with_earlier(flushed))
        elif event.node in self._unflushed:
            self._durable.files[event.node] = self._unflushed.pop(event.node)[-1]

    def trees(self) -> Iterator[Tree]:
        entries = self._reachable()
        for some in _subsets(entries, self._all_of):
            names = self._durable.copy()
            for change in self._with_earlier(some):
                names.edit(change)
            yield from self._contents(names)

    def _settle(self, changes: Sequence[_Entries]) -> None:
        newest: dict[tuple[int, str], int] = {}
        for change in changes:
            self._durable.edit(change)
            number = self._entries.index(change)
            newest |= {(folder, name): number for folder, name, _ in change.edits}
        kept: list[_Entries] = []
        for number, change in enumerate(self._entries):
            # Not what a later, flushed change of the same name has undone.
            edits = tuple(e for e in change.edits if newest.get((e[0], e[1]), -1) < number)
            if change not in changes and edits:
                kept.append(_Entries(change.node, edits))
        self._entries = kept

    def _with_earlier(self, some: Sequence[_Entries]) -> list[_Entries]:
        """The changes, and the earlier ones of the same files, folders and names, in order."""
        taken: list[_Entries] = []
        touched: set[object] = set()
        for change in reversed(self._entries):
            of = {change.node, *((folder, name) for folder, name, _ in change.edits)}
            if change in some or of & touched:
                taken.append(change)
                touched |= of
        return taken[::-1]

    def _reachable(self) -> list[_Entries]:
        """The changes without those in folders that are gone in any case."""
        reached, left = {_ROOT}, [_ROOT]
        while left:
            folder = left.pop()
            nodes = set(self._durable.folders[folder].values())
            nodes |= {n for c in self._entries for f, _, n in c.edits if f == folder and n}
            new = {n for n in nodes if n in self._durable.folders} - reached
            reached |= new
            left += new
        return [change for change in self._entries if change.folders & reached]

    def _contents(self, names: _Names) -> Iterator[Tree]:
        tree = names.tree()
        unflushed = {
            path: _kept(names.files[node], self._unflushed[node])
            for path, node in names.paths().items()
            if node in self._unflushed
        }
        if not unflushed:
            yield tree
            return
        longest = max(len(kept) for kept in unflushed.values())
        for number in range(longest):
            yield tree | {path: kept[number % len(kept)] for path, kept in unflushed.items()}
        for lost in (next(iter(unflushed)), next(reversed(unflushed))):
            whole = {path: kept[-1] for path, kept in unflushed.items()}
            yield tree | whole | {lost: unflushed[lost][0]}


def _kept(durable: bytes, contents: Sequence[bytes]) -> list[bytes]:
    """What may be there of a file's content; all of it last."""
    newest = contents[-1]
    states = [durable, newest[: len(newest) // 2], bytes(len(newest)), *contents[:-1]]
    return [*dict.fromkeys(state for state in states if state != newest), newest]


def _subsets(changes: Sequence[_Entries], all_of: int) -> Iterator[Sequence[_Entries]]:
    if len(changes) <= all_of:
        for size in range(len(changes) + 1):
            yield from itertools.combinations(changes, size)
        return
    for number in range(len(changes)):
        yield changes[:number]
        yield changes[number : number + 1]
        yield [*changes[:number], *changes[number + 1 :]]
    yield changes


def _caller() -> str:
    """The method of the file system that flushes, and its line."""
    frame = sys._getframe(3)
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return f"{frame.f_code.co_name}: {line.strip()}"


def _write(root: Path, tree: Tree) -> None:
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    for path in sorted(tree):
        content = tree[path]
        if content is None:
            os.mkdir(f"{root}/{path}")  # noqa: PTH102 - thousands of times
            continue
        descriptor = os.open(f"{root}/{path}", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, content)
        os.close(descriptor)
