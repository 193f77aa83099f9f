"""Zip what travels with a job: Python packages and modules, and HQL files.

Packages travel with their code compiled too, as Python compiles what it imports from a zip at each
start.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from orch_dagster.files import discard, make_private, put_in_place
from orch_dagster.toolchain.errors import PackageMissingError

_EPOCH = (1980, 1, 1, 0, 0, 0)
# Flags of compiled code that is good whatever the time of its source (PEP 552).
_UNCHECKED = (1).to_bytes(4, "little")
# Data that somebody keeps beside the scripts does not travel with each submit.
_LARGEST_BYTES = 1 << 20


def framework_archive(framework_dir: Path, cache_dir: Path) -> Path:
    """Zip the package `framework` of `framework_dir`; return the zip in `cache_dir`.

    The name has the hash of the sources and this Python's version, whose compiled code goes with
    them; another Python takes the sources. An existing archive is reused, and a running job keeps
    the one that it started with.

    Raises:
        PackageMissingError: If `framework_dir` has no package `framework`.
        OSError: If `cache_dir` can't be written.
    """
    return _package_archive(framework_dir / "framework", cache_dir)


def pipes_archive(cache_dir: Path) -> Path:
    """Zip the installed package `dagster_pipes` in the same way.

    Raises:
        PackageMissingError: If dagster_pipes is not installed.
        OSError: If `cache_dir` can't be written.
    """
    spec = importlib.util.find_spec("dagster_pipes")
    if spec is None or not spec.submodule_search_locations:
        raise PackageMissingError(
            "The package dagster_pipes is not installed, and jobs on a cluster need it: "
            "pip install dagster-pipes"
        )
    package = Path(spec.submodule_search_locations[0])
    # In a job that calls `orch`, it is in the zip that travelled with that job.
    return package.parent if package.parent.is_file() else _package_archive(package, cache_dir)


def modules_archive(jobs_dir: Path, cache_dir: Path) -> Path | None:
    """Zip the modules beside a project's scripts in the same way, with the small files of packages.

    The framework, which travels anyway, and hidden files are left out.

    Returns:
        The zip; None if there is nothing to zip.

    Raises:
        OSError: If a file can't be read, or `cache_dir` can't be written.
    """
    sources = _small_files(jobs_dir)
    of_jobs = {name: data for name, data in sources.items() if not name.startswith("framework/")}
    return _archive("jobs", of_jobs, cache_dir) if of_jobs else None


def hql_archive(hql_path: Sequence[Path], cache_dir: Path) -> Path:
    """Zip the HQL files of all folders in the same way, of two with one path the first.

    Raises:
        OSError: If a file can't be read, or `cache_dir` can't be written.
    """
    files: dict[str, bytes] = {}
    for folder in reversed(hql_path):
        files |= _small_files(folder)
    return _archive("hql", files, cache_dir)


def _small_files(folder: Path) -> dict[str, bytes]:
    """Return the content of the files below a folder by their paths, without caches."""
    files: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        is_left_out = any(part.startswith((".", "__pycache__")) for part in parts)
        if not is_left_out and path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
            files["/".join(parts)] = path.read_bytes()
    return files


def _package_archive(package: Path, cache_dir: Path) -> Path:
    if not package.is_dir() or next(package.rglob("*.py"), None) is None:
        raise PackageMissingError(
            f"{package} is not a Python package: the jobs folder has to hold it"
        )
    sources = {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in package.rglob("*.py")
        if path.is_file()
    }
    return _archive(package.name, sources, cache_dir, is_compiled=True)


def _archive(
    name: str, files: Mapping[str, bytes], cache_dir: Path, *, is_compiled: bool = False
) -> Path:
    data = _zip_bytes(files)
    digest = hashlib.sha256(data)
    if is_compiled:
        digest.update(importlib.util.MAGIC_NUMBER)
    target = cache_dir / f"{name}-{digest.hexdigest()[:16]}.zip"
    if not target.is_file():
        if is_compiled:
            data = _zip_bytes({**files, **_compiled(files, target.name)})
        _write_once(target, data)
    return target


def _compiled(sources: Mapping[str, bytes], archive: str) -> dict[str, bytes]:
    """Return the compiled code of Python's sources by its path, beside them as in each zip."""
    found: dict[str, bytes] = {}
    for name, content in sources.items():
        # The job's own import says what is wrong with a source.
        with suppress(SyntaxError, ValueError):
            # A traceback names the archive and the file. This Python may leave out assertions.
            code = compile(content, f"{archive}/{name}", "exec", dont_inherit=True, optimize=0)
            head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(content)
            found[f"{name}c"] = head + marshal.dumps(code)
    return found


def _zip_bytes(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Stored, as the bytes of deflate depend on the machine's zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _write_once(target: Path, data: bytes) -> None:
    make_private(target.parent)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        put_in_place(Path(temporary), target)
    except BaseException:
        discard(Path(temporary))
        raise
