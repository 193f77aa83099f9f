"""Tell which local paths Windows, or Hadoop on it, takes for something else. Pure."""

from __future__ import annotations

import re

_DRIVE = re.compile(r"[A-Za-z]:")
_OF_GIT_BASH = re.compile(r"/([A-Za-z])(?=/|$)")
_SIGNS = re.compile(r'[<>:"|]')
_PORTS = (f"{kind}{number}" for kind in ("COM", "LPT") for number in "123456789¹²³")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *_PORTS})

SERVER_FAULT = (
    "is in a folder of a server, and Hadoop drops the first slash of such a path: choose a folder "
    r"of this machine, or for data map that one to a drive (net use Z: \\server\share)"
)


def windows_path_fault(path: str) -> str | None:
    r"""Return why a path of Windows can't be used, None if it can.

    >>> windows_path_fault("D:data")
    "is relative to the working folder of drive D: give it from the drive's root"
    >>> windows_path_fault("C:/data/aux.csv")
    "has the name 'aux.csv', which means a device on Windows"
    >>> windows_path_fault(r"C:\data\..\in put/x.csv") is None
    True
    """
    path = path.replace("\\", "/")
    drive = _DRIVE.match(path)
    below = path[drive.end() :] if drive else path
    if path.startswith("//"):
        return SERVER_FAULT
    if fault := git_bash_fault(path):
        return fault
    if drive and not below.startswith("/"):
        return (
            f"is relative to the working folder of drive {path[0]}: give it from the drive's root"
        )
    if sign := _SIGNS.search(below):
        return f"holds {sign.group()!r}, which no name on Windows has"
    for name in below.split("/"):
        if name.strip(".") and name != name.rstrip(". "):
            return f"has the name {name!r}, whose dot or space at the end Windows drops"
        if is_device(name):
            return f"has the name {name!r}, which means a device on Windows"
    return None


def git_bash_fault(path: str) -> str | None:
    """Return why a path of Windows that Git Bash wrote can't be used, None for any other.

    Git Bash changes such paths in arguments and in the variables of a program, not in files.

    >>> git_bash_fault("/c/Users/me/data")
    'is a folder in the words of Git Bash, and for Windows one named c: write C:/Users/me/data'
    >>> git_bash_fault("/data/c") is None
    True
    """
    if found := _OF_GIT_BASH.match(path):
        drive = found[1]
        meant = f"{drive.upper()}:{path[found.end() :] or '/'}"
        is_another = f"is a folder in the words of Git Bash, and for Windows one named {drive}"
        return f"{is_another}: write {meant}"
    return None


def is_device(name: str) -> bool:
    """Return whether Windows takes a name for that of a device, whatever its suffix.

    >>> is_device("nul"), is_device("Com1.json"), is_device("console")
    (True, True, False)
    """
    return name.partition(".")[0].rstrip(" ").upper() in _DEVICES
