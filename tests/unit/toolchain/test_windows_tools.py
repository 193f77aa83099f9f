"""What Spark needs on Windows, told before it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orch_dagster.toolchain import windows_tools
from orch_dagster.toolchain.errors import HadoopHomeError
from orch_dagster.toolchain.windows_tools import (
    hadoop_bin,
    missing_windows_tools,
    path_with_tools,
)


def missing(home: Path | str, *, needs_library: bool = True) -> tuple[str, ...]:
    environ = {"HADOOP_HOME": str(home)}
    return missing_windows_tools(environ, platform="win32", needs_library=needs_library)


def test_nothing_is_missing_elsewhere() -> None:
    assert missing_windows_tools({}, platform="linux") == ()
    assert hadoop_bin({"HADOOP_HOME": "/opt/hadoop"}, platform="linux") is None


def test_each_lacking_piece_is_named_with_its_place(tmp_path: Path) -> None:
    for unset in ({}, {"HADOOP_HOME": " "}):
        (text,) = missing_windows_tools(unset, platform="win32")
        assert "HADOOP_HOME is not set" in text
        assert "$env:HADOOP_HOME" in text
    (text,) = missing(tmp_path / "none")
    assert text.startswith(f"HADOOP_HOME is {tmp_path / 'none'}, which is no folder")
    (tmp_path / "bin").mkdir()
    assert [text.partition(" is missing")[0] for text in missing(tmp_path)] == [
        str(tmp_path / "bin" / "winutils.exe"),
        str(tmp_path / "bin" / "hadoop.dll"),
    ]
    (tmp_path / "bin" / "winutils.exe").touch()
    (text,) = missing(f'"{tmp_path}"')
    assert "hadoop.dll is missing" in text
    assert missing(tmp_path, needs_library=False) == ()


def test_a_process_finds_them_on_its_path_or_is_told_what_is_missing(tmp_path: Path) -> None:
    environ = {"HADOOP_HOME": str(tmp_path), "PATH": "C:\\own"}
    assert path_with_tools(environ, platform="linux") is None
    with pytest.raises(HadoopHomeError, match=r"winutils\.exe is missing"):
        path_with_tools(environ, platform="win32", needs_library=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "winutils.exe").touch()
    path = path_with_tools(environ, platform="win32", needs_library=False)
    assert path == f"{tmp_path / 'bin'};C:\\own"


def test_a_hadoop_home_that_hadoop_does_not_take_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git Bash's /c/hadoop in a .env is none with a drive either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hadoop" / "bin").mkdir(parents=True)
    (text,) = missing("hadoop")
    assert text.startswith("HADOOP_HOME is hadoop, which Hadoop does not take")


def test_a_hadoop_dll_that_does_not_load_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows itself by its own loader, which takes no such file."""

    def fault(_: Path) -> str:
        return "[WinError 193] not valid"

    if sys.platform != "win32":
        monkeypatch.setattr(windows_tools, "_load_fault", fault)
    library = tmp_path / "bin" / "hadoop.dll"
    library.parent.mkdir()
    library.write_bytes(b"no library")
    (tmp_path / "bin" / "winutils.exe").touch()
    (text,) = missing(tmp_path)
    assert text.startswith(f"{library} can't be loaded (")
    assert "put that of a 64-bit build of Hadoop 3.3 there" in text
    # Nothing loads it where another class reads local files.
    assert missing(tmp_path, needs_library=False) == ()
