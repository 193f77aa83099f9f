from __future__ import annotations

import subprocess
import sys

from orch_dagster.settings import REPOSITORY

JOBS = REPOSITORY / "jobs"


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(JOBS), "SYSTEMROOT": "C:\\Windows"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_importing_needs_the_standard_library_only() -> None:
    loaded = fresh(
        "import sys, framework, framework.storage.hadoop, framework.land.staging\n"
        "heavy = {'pyspark', 'py4j', 'dagster', 'dagster_pipes', 'orch_dagster'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert loaded == "[]"


def test_import_paths_of_older_scripts() -> None:
    assert fresh(
        "from framework.logging import get_logger\n"
        "from framework.params_loader import load_params\n"
        "from framework import (get_logger, set_spark_log_level, load_params, get_spark, read_csv,"
        " read_orc, write_orc, exec_hql, run_landing)\n"
        "print(get_logger.__name__, load_params.__name__)"
    ) == ("get_logger load_params")


def test_the_contract_loads_nothing_of_the_rest() -> None:
    loaded = fresh(
        "import sys, framework.contract.append\n"
        "print(*sorted(name for name in sys.modules if name.startswith('framework')))"
    )
    assert loaded == "framework framework.contract framework.contract.append"


def test_every_name_is_found_where_it_is_defined() -> None:
    named = fresh(
        "import framework\n"
        "print(all(name in dir(framework) for name in framework.__all__))\n"
        "print(*[getattr(framework, name).__name__ for name in framework.__all__])\n"
        "print(*framework.__all__)\n"
        "from framework import *\n"
        "print(run_landing is framework.run_landing, hasattr(framework, 'land_all'))"
    ).splitlines()
    assert named[0] == "True"
    assert named[1] == named[2]
    assert named[3] == "True False"
