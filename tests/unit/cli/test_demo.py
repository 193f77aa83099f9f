"""`orch demo` shows the landed sample."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from framework.contract import paths
from framework.contract.native_paths import with_native_paths
from orch_dagster.cli.demo import _installed, _landed_at
from orch_dagster.settings import Settings, load_settings


class _WindowsPath(PureWindowsPath):
    """A path there, which is absolute already."""

    def absolute(self) -> _WindowsPath:
        return self


def test_the_path_of_the_landed_sample_has_one_spelling_on_windows(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "Path", _WindowsPath)
    # Of each system, as it writes it.
    monkeypatch.setattr(Settings, "base_dir", property(lambda _: r"C:\home one"))
    shown = with_native_paths(_landed_at(load_settings(), "2024-05-15"), "nt")
    assert shown.startswith("C:\\home one\\")
    assert shown.endswith(r"\biz_dt=2024-05-15")
    assert "/" not in shown


def test_a_command_in_a_folder_with_a_space_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    for name in ("dagster", "dagster.exe"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    quoted = _installed("dagster", "dev")
    assert quoted.startswith((f"'{folder}", f'"{folder}'))
    assert "dev" in quoted
