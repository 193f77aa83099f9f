"""Test the uses of Dagster's private names with both ends of the declared range of its versions.

    python tools/dagster_range.py [PYTEST_OPTION …]

Makes an environment for each end in a temporary folder, with the package in editable mode: the
oldest declared versions, and the newest that pip resolves. Runs the tests of dagster_internals in
each, and exits with 1 if they fail in either.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from orch_dagster.toolchain.dagster_version import wanted_packages

REPOSITORY = Path(__file__).parents[1]
TESTS = ("tests/unit/defs/dagster_internals", "tests/runs/defs/dagster_internals")


def oldest() -> list[str]:
    """Return the pins of the range's lower end, one for each package of Dagster."""
    return [
        f"{package.name}=={bound.version}"
        for package in wanted_packages()
        for bound in package.specifier
        if bound.operator == ">="
    ]


def run_tests(name: str, pins: Sequence[str], options: Sequence[str]) -> bool:
    """Install the package with these pins and tell whether its tests pass."""
    with tempfile.TemporaryDirectory(prefix=f"dagster-{name}-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python")
        target = [python, "-m", "pip", "install", "--quiet", "-e", f"{REPOSITORY}[dev]"]
        subprocess.run([*target, *pins], check=True)
        installed = subprocess.run(
            [python, "-m", "pip", "list", "--format", "freeze"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        versions = [line for line in installed.stdout.splitlines() if line.startswith("dagster")]
        sys.stdout.write(f"{name}: {' '.join(versions)}\n")
        sys.stdout.flush()
        cache = ["-o", f"cache_dir={folder}/cache"]
        tests = subprocess.run(
            [python, "-m", "pytest", *cache, *TESTS, *options], cwd=REPOSITORY, check=False
        )
        return tests.returncode == 0


def main() -> None:
    """Test both ends of the range."""
    ends = {"oldest": oldest(), "newest": list[str]()}
    failed = [name for name, pins in ends.items() if not run_tests(name, pins, sys.argv[1:])]
    if failed:
        sys.exit(f"dagster_internals fails with the {' and the '.join(failed)} of its range")


if __name__ == "__main__":
    main()
