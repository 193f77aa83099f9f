"""What an import loads, in fresh interpreters; import-linter holds who may import whom."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

from orch_dagster.settings import REPOSITORY

HEAVY = {"dagster", "dagster_pipes", "pyspark", "py4j", "jpype", "kudu"}
PACKAGE = REPOSITORY / "orch_dagster"
FRAMEWORK = REPOSITORY / "jobs" / "framework"

# Each module is imported as the first of its package, in one interpreter: what the others left of
# the packages is forgotten before. Prints the module and what heavy packages came with it.
EACH_FIRST = """
import importlib, sys

packages, heavy, *modules = (words.split(",") for words in sys.argv[1:])
for (module,) in modules:
    for name in [*sys.modules]:
        if name.partition(".")[0] in packages:
            del sys.modules[name]
    importlib.import_module(module)
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(module, *sorted(loaded.intersection(heavy)))
"""


def names_of(folder: Path, root: Path) -> list[str]:
    """The modules below a folder by their names, which start at the root."""
    parts = [path.relative_to(root).with_suffix("").parts for path in folder.rglob("*.py")]
    return sorted(".".join(each).removesuffix(".__init__") for each in parts)


def core() -> list[str]:
    """Everything but the Dagster adapter and its public names."""
    adapter = ("orch_dagster.defs", "orch_dagster.definitions", "orch_dagster.spark_submit")
    names = names_of(PACKAGE, REPOSITORY)
    return [name for name in names if not name.startswith(adapter) and "__main__" not in name]


def printed(program: str, *words: str, path: Path = REPOSITORY, **env: str) -> list[str]:
    """The lines that a program prints with nothing but a folder on its path."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_no_module_of_the_core_loads_anything_heavy_whichever_comes_first() -> None:
    modules = core()
    # The commands and the kit belong to it: Dagster is imported where a command needs it.
    named = {"control.sql", "registry.graph", "cli.log", "testing.plugin", "kit"}
    assert {f"orch_dagster.{name}" for name in named} <= {*modules}
    # The core stands on the framework's contract, which is on a user's path as well.
    lines = printed(EACH_FIRST, "orch_dagster,framework", ",".join(HEAVY), *modules)
    assert lines == modules


def test_help_loads_no_store_and_no_library_of_a_command(tmp_path: Path) -> None:
    """So that `orch --help` takes little longer than `import click`, on any machine."""
    program = """
import sys
from orch_dagster.cli.main import main
main(["--help"], standalone_mode=False)
print(sorted(name.partition(".")[0] for name in sys.modules))
"""
    *lines, loaded = printed(program, ORCH_HOME=str(tmp_path))
    assert any("doctor" in line for line in lines)
    slow = {*HEAVY, "sqlalchemy", "pydantic", "rich", "yaml", "sqlglot", "tenacity", "packaging"}
    assert slow & set(ast.literal_eval(loaded)) == set()


def test_the_framework_stands_alone(tmp_path: Path) -> None:
    """A copy of the folder, as --py-files carries it: nothing of the repository beside it."""
    shutil.copytree(FRAMEWORK, tmp_path / "framework")
    modules = names_of(FRAMEWORK, FRAMEWORK.parent)
    away = ",".join([*HEAVY, "orch_dagster"])
    assert printed(EACH_FIRST, "framework", away, *modules, path=tmp_path) == modules


def test_the_code_location_reads_not_even_its_settings_on_import(tmp_path: Path) -> None:
    (found,) = printed(
        "import sys, orch_dagster.definitions; print('dagster' in sys.modules)",
        ORCH_HOME=str(tmp_path),
        ORCH_FIRST_BIZ_DT="soon",
        ORCH_CONTROL_URL="nothing",
    )
    assert found == "True"
    assert list(tmp_path.iterdir()) == []


def test_nothing_beside_a_script_has_a_name_of_the_standard_library() -> None:
    """The folder of a script comes first where Python looks for modules."""
    folders = {script.parent for script in PACKAGE.rglob("*_script.py")} | {REPOSITORY / "jobs"}
    assert PACKAGE / "spark" in folders
    beside = {path.stem: path for folder in folders for path in folder.glob("*.py")}
    assert not [path for name, path in beside.items() if name in sys.stdlib_module_names]
