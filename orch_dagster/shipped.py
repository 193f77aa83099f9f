"""The folder of what ships with the package: jobs/, hql/, dagster.yaml and the compose file.

In a wheel it is a folder of the package, which setup.py fills; in a clone it is the clone.
"""

from __future__ import annotations

from pathlib import Path

from orch_dagster.files import real_path

_PACKAGE = real_path(Path(__file__)).parent
_BUILT = _PACKAGE / "shipped_files"

SHIPPED = _BUILT if _BUILT.is_dir() else _PACKAGE.parent
