"""Find Hadoop's tools, which Spark needs on Windows alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from orch_dagster.toolchain.errors import HadoopHomeError

# The class of local files; any other than Hadoop's own does without hadoop.dll.
LOCAL_FILES = "spark.hadoop.fs.file.impl"
_LIBRARY = "hadoop.dll"
# As Java says it of a function that no loaded library has; Java 8 without the type before it.
_UNLINKED = re.compile(
    r"UnsatisfiedLinkError: '?(?:[\w.$]{1,100} )?"
    r"org\.apache\.hadoop\.io\.nativeio\.NativeIO\$Windows\."
)


def hadoop_bin(environ: Mapping[str, str], *, platform: str) -> Path | None:
    """Return the folder of Hadoop's tools for Windows; None elsewhere, or if HADOOP_HOME is unset.

    Java finds hadoop.dll by PATH alone, so a run's process has the folder there.
    """
    home = environ.get("HADOOP_HOME", "").strip().strip('"')
    return Path(home) / "bin" if home and platform == "win32" else None


def path_with_tools(
    environ: Mapping[str, str], *, platform: str = sys.platform, needs_library: bool = True
) -> str | None:
    """Return the PATH of a process whose JVM finds Hadoop's tools on Windows; None elsewhere.

    Args:
        environ: The environment of the process.
        platform: As sys.platform has it.
        needs_library: As `missing_windows_tools` has it.

    Raises:
        HadoopHomeError: If one is missing; it names all, each with its remedy.
    """
    missing = missing_windows_tools(environ, platform=platform, needs_library=needs_library)
    if missing:
        raise HadoopHomeError("; ".join(missing))
    folder = hadoop_bin(environ, platform=platform)
    return f"{folder};{environ.get('PATH', '')}" if folder else None


def missing_windows_tools(
    environ: Mapping[str, str], *, platform: str, needs_library: bool = True
) -> tuple[str, ...]:
    """Return one sentence with the remedy for each Hadoop tool that Windows lacks.

    Hadoop calls winutils.exe for permissions and hadoop.dll for local files, and only on Windows;
    anywhere else nothing is missing.

    Args:
        environ: The environment of the run.
        platform: As sys.platform has it.
        needs_library: Whether local files are read by Hadoop's own class, which calls hadoop.dll.
    """
    if platform != "win32":
        return ()
    folder = hadoop_bin(environ, platform=platform)
    if folder is None:
        return (
            "HADOOP_HOME is not set: Spark on Windows needs winutils.exe and hadoop.dll of Hadoop "
            "3.3. Put them in a folder such as C:\\hadoop\\bin and set HADOOP_HOME to C:\\hadoop "
            "(PowerShell: $env:HADOOP_HOME = 'C:\\hadoop'; for good: setx HADOOP_HOME C:\\hadoop)",
        )
    if not folder.is_absolute():
        return (
            f"HADOOP_HOME is {folder.parent}, which Hadoop does not take, as it is not an absolute "
            "path: give it with its drive, such as C:\\hadoop",
        )
    if not folder.parent.is_dir():
        return (
            f"HADOOP_HOME is {folder.parent}, which is no folder: set it to the one whose bin has "
            "winutils.exe and hadoop.dll of Hadoop 3.3",
        )
    names = ("winutils.exe", _LIBRARY) if needs_library else ("winutils.exe",)
    missing = [
        f"{folder / name} is missing: put the {name} of a Hadoop 3.3 build for Windows there"
        for name in names
        if not (folder / name).is_file()
    ]
    if not missing and needs_library and (fault := _load_fault(folder / _LIBRARY)):
        missing.append(
            f"{folder / _LIBRARY} can't be loaded ({fault}): put that of a 64-bit build of "
            "Hadoop 3.3 there, and install Microsoft's Visual C++ runtime that it needs"
        )
    return tuple(missing)


def unlinked_library(text: str) -> str | None:
    """Return that a job's Java has no right hadoop.dll, if a text tells of that, else None.

    One that loads may be of another Hadoop, or of none.

    >>> said = "UnsatisfiedLinkError: org.apache.hadoop.io.nativeio.NativeIO$Windows.f(I)Z"
    >>> print(str(unlinked_library(said)).partition(":")[0])
    hadoop.dll is missing or is not that of Hadoop 3.3
    """
    if not _UNLINKED.search(text):
        return None
    return (
        f"{_LIBRARY} is missing or is not that of Hadoop 3.3: put that of a 64-bit build of Hadoop "
        # Where Java looks first, and where many pages have people put it.
        "3.3 into %HADOOP_HOME%\\bin, and remove another one from C:\\Windows\\System32"
    )


def _load_fault(library: Path) -> str | None:
    """Return why Windows can't load a library; None if it can, or on another system."""
    if sys.platform != "win32":
        return None
    import ctypes

    try:
        loaded = ctypes.WinDLL(str(library))
    except OSError as error:
        return str(error)
    # Else nobody could replace the file while this process lives.
    ctypes.windll.kernel32.FreeLibrary(ctypes.c_void_p(loaded._handle))
    return None
