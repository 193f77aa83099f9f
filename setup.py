"""Put into the wheel what a clone has beside the package; the rest is in pyproject.toml."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# What orch_dagster/shipped.py finds, below the clone or below this folder of the package.
FOLDER = Path("orch_dagster", "shipped_files")
SHIPPED = (
    "jobs/**/*.py",
    "hql/**/*.hql",
    "examples/chain/*",
    "examples/testing/*.py",
    "dagster.yaml",
    "workspace.yaml",
    "docs/kudu/compose.yaml",
)


def shipped() -> Iterator[str]:
    """Yield the files that ship, as paths below the clone."""
    for pattern in SHIPPED:
        yield from (path.as_posix() for path in sorted(Path().glob(pattern)))


class BuildWithShipped(build_py):
    """Builds the packages, and copies the files that ship; in an editable install they stay."""

    def run(self) -> None:
        """Build, and copy over what an earlier build may have left."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / FOLDER
        shutil.rmtree(target, ignore_errors=True)
        for path in shipped():
            self.mkpath(str((target / path).parent))
            self.copy_file(path, str(target / path))

    def get_source_files(self) -> list[str]:
        """Return the sources, which make up a source distribution."""
        return [*super().get_source_files(), *shipped()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return the built files."""
        built = [str(Path(self.build_lib) / FOLDER / path) for path in shipped()]
        return [*super().get_outputs(include_bytecode), *built]


setup(cmdclass={"build_py": BuildWithShipped})
