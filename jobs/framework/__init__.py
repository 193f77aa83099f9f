"""What a job script imports: `from framework import run_landing`.

Needs the standard library only, until a Spark session is asked for.
"""

from framework.errors import FrameworkError
from framework.hql import exec_hql
from framework.landing import run_landing
from framework.logging import get_logger, set_spark_log_level
from framework.params_loader import load_params
from framework.readers import read_csv, read_orc, read_source
from framework.session import get_spark
from framework.writers import write_dataset, write_orc

__all__ = [
    "FrameworkError",
    "exec_hql",
    "get_logger",
    "get_spark",
    "load_params",
    "read_csv",
    "read_orc",
    "read_source",
    "run_landing",
    "set_spark_log_level",
    "write_dataset",
    "write_orc",
]
