"""The range of Dagster's versions that this package is tested with."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

from orch_dagster.toolchain.errors import DagsterVersionError

# Only the command dg is in it, and it demands its own version of Dagster.
_NOT_IMPORTED = ("dagster-dg-cli",)


def check_dagster_version() -> None:
    """Compare the installed packages of Dagster with the range that this package declares.

    Raises:
        DagsterVersionError: A package is outside of its range, or is not installed.
    """
    wanted = wanted_packages()
    found = {requirement.name: _installed(requirement.name) for requirement in wanted}
    unfit = [
        f"{requirement.name} {found[requirement.name] or 'is not installed'}"
        for requirement in wanted
        if not requirement.specifier.contains(found[requirement.name] or "0", prereleases=True)
    ]
    if unfit:
        texts = [str(requirement) for requirement in wanted]
        quoted = " ".join(f'"{text}"' for text in texts)
        raise DagsterVersionError(
            f"orch_dagster does not work with the Dagster that is installed ({', '.join(unfit)}): "
            f"it needs {', '.join(texts)}; run `python -m pip install {quoted}`"
        )


def wanted_packages() -> list[Requirement]:
    """Return the packages of Dagster that this package imports, each with its declared range."""
    try:
        declared = metadata.requires("orch_dagster") or []
    except metadata.PackageNotFoundError:
        # A copy that is not installed declares nothing.
        return []
    requirements = [Requirement(text) for text in declared]
    return [
        requirement
        for requirement in requirements
        if requirement.name.startswith("dagster")
        and requirement.name not in _NOT_IMPORTED
        and requirement.marker is None
    ]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
