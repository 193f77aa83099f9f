"""The functions that a job script imports: `from framework import run_landing`.

They need the standard library only, until a script gets a Spark session.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.errors import FrameworkError
    from framework.hql import exec_hql
    from framework.landing import run_landing
    from framework.logging import get_logger, set_spark_log_level
    from framework.params_loader import load_params
    from framework.pipes_writer import message_writer
    from framework.readers import read_csv, read_orc, read_source
    from framework.session import get_spark
    from framework.writers import write_dataset, write_orc

__all__ = [
    "FrameworkError",
    "exec_hql",
    "get_logger",
    "get_spark",
    "load_params",
    "message_writer",
    "read_csv",
    "read_orc",
    "read_source",
    "run_landing",
    "set_spark_log_level",
    "write_dataset",
    "write_orc",
]

# Loaded on first use, as the orchestrator imports only framework.contract, at every start.
_MODULES = {
    "FrameworkError": "errors",
    "exec_hql": "hql",
    "get_logger": "logging",
    "get_spark": "session",
    "load_params": "params_loader",
    "message_writer": "pipes_writer",
    "read_csv": "readers",
    "read_orc": "readers",
    "read_source": "readers",
    "run_landing": "landing",
    "set_spark_log_level": "logging",
    "write_dataset": "writers",
    "write_orc": "writers",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
