"""Which files rows may refer to, and what is said of the others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orch_dagster.errors import SettingsError
from orch_dagster.referenced_files import MAX_BYTES, ReferencedFiles
from orch_dagster.settings import load_settings

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "below").mkdir(parents=True)
    (tmp_path / "home" / "below" / "file").write_text("hidden", encoding="utf-8")
    (tmp_path / "outside").write_text("hidden", encoding="utf-8")
    return tmp_path / "home"


def refused(files: ReferencedFiles, name: str) -> str:
    with pytest.raises(ValueError, match=r"^.") as caught:
        files.read(name)
    assert "hidden" not in str(caught.value)
    return str(caught.value)


def test_files_of_the_home_and_of_listed_folders(home: Path) -> None:
    files = ReferencedFiles(home)
    assert files.read("below/file") == files.read(str(home / "below" / "file")) == "hidden"
    assert files.read("below/../below/./file") == "hidden"
    listed = ReferencedFiles(home, (home.parent,))
    assert listed.read("../outside") == listed.read(str(home.parent / "outside")) == "hidden"


@pytest.mark.parametrize(
    "name", ["../outside", "below/../../outside", "../absent", "/etc/passwd", "/proc/self/environ"]
)
def test_others_are_refused_with_the_setting(home: Path, name: str) -> None:
    files = ReferencedFiles(home)
    said = f"outside ORCH_HOME ({home}), where no file is read: move the file below ORCH_HOME, or "
    assert f"{said}list its folder in ORCH_SECRET_DIRS" in refused(files, name)
    assert files.place_fault(name) == refused(files, name)


@posix_only
def test_links_count_by_where_they_lead(home: Path) -> None:
    (home / "in").symlink_to(home / "below" / "file")
    (home / "out").symlink_to(home.parent / "outside")
    (home / "folder").symlink_to(home.parent)
    (home / "loop").symlink_to(home / "loop")
    files = ReferencedFiles(home)
    assert files.read("in") == "hidden"
    assert "leads outside ORCH_HOME" in refused(files, "out")
    assert "leads outside ORCH_HOME" in refused(files, "folder/outside")
    assert "can't be read" in refused(files, "loop")
    # As Kubernetes mounts secrets: each a link to a folder that is replaced as a whole.
    linked = ReferencedFiles(home / "below", (home / "folder",))
    assert linked.read(str(home / "folder" / "outside")) == "hidden"


@posix_only
@pytest.mark.timeout(10)
def test_only_regular_files_are_opened(home: Path) -> None:
    os.mkfifo(home / "fifo")
    files = ReferencedFiles(home, (Path("/dev"),))
    for name in ("fifo", "/dev/zero", "/dev/null", "below", "."):
        assert "is not a regular file" in refused(files, name)
        # `orch apply` says so before a run does.
        assert files.place_fault(name) == refused(files, name)
    assert files.place_fault("absent") is None


def test_a_file_that_is_not_short_text(home: Path) -> None:
    (home / "long").write_bytes(b"x" * (MAX_BYTES + 1))
    (home / "full").write_bytes(b"x" * MAX_BYTES)
    (home / "binary").write_bytes(b"hidden\xff")
    (home / "windows").write_bytes("\ufeffü".encode())
    files = ReferencedFiles(home)
    assert f"longer than {MAX_BYTES} bytes" in refused(files, "long")
    assert len(files.read("full")) == MAX_BYTES
    assert "not text in UTF-8" in refused(files, "binary")
    assert files.read("windows") == "ü"
    # In the words of the system.
    assert f"{home / 'absent'} can't be read (" in refused(files, "absent")
    assert "can't be read" in refused(files, "a\0b")
    assert "can't be read" in refused(files, "a" * 5_000)


def test_the_folders_may_be_a_list_or_paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_HOME", str(home))
    more = home.parent / "more"
    monkeypatch.setenv("ORCH_SECRET_DIRS", f'["below", {str(more)!r}]'.replace("'", '"'))
    expected = (home / "below", more)
    assert load_settings().secret_dirs == expected
    monkeypatch.setenv("ORCH_SECRET_DIRS", os.pathsep.join(["below", str(more), ""]))
    settings = load_settings()
    assert settings.secret_dirs == expected
    assert settings.referenced_files == ReferencedFiles(home, expected)
    monkeypatch.setenv("ORCH_SECRET_DIRS", "[1")
    with pytest.raises(SettingsError, match="ORCH_SECRET_DIRS"):
        load_settings()
