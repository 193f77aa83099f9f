"""A file system that fails at a chosen operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem

CHANGING = (
    "make_dirs", "create_exclusive", "write_atomic", "rename", "delete", "remove_empty_dir",
)  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code under test may catch it."""


class FaultyFileSystem:
    """A FileSystem upon another that counts the operations that change something.

    At number `at` it raises `error`, before or after doing it, or after half of a file (torn). An
    outage of `span` operations fails them all, without doing them; an endless one (None) stands
    for the end of the process. `killed_at` is the operation at which the process ends.
    """

    def __init__(
        self,
        at: int,
        error: type[BaseException],
        when: str,
        *,
        span: int | None = 1,
        killed_at: int | None = None,
        real: FileSystem | None = None,
    ) -> None:
        self._real = real or LocalFileSystem()
        self.count = 0
        self.at = at
        self.error = error
        self.when = when
        self.span = span
        self.killed_at = killed_at
        self.hit: str | None = None
        for name in CHANGING:
            setattr(self, name, self._wrapped(name, getattr(self._real, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(location: str, *rest: Any) -> Any:
            self.count += 1
            if self.killed_at is not None and self.count >= self.killed_at:
                raise Killed("killed")
            if self.count < self.at or self.at < 0:
                return real(location, *rest)
            if self.count > self.at:
                if self.span is not None and self.count >= self.at + self.span:
                    return real(location, *rest)
                raise self.error("still away")
            self.hit = f"{name} {location}"
            if self.when == "after":
                real(location, *rest)
            elif self.when == "torn" and name == "create_exclusive":
                real(location, rest[0][: len(rest[0]) // 2])
            raise self.error(f"fault at {self.hit}")

        # A crash inside create_exclusive's own make_dirs is not another operation.
        return call
