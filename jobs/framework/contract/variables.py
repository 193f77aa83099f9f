"""Names of the environment variables that the orchestrator sets for a job, or both sides read."""

from __future__ import annotations

HADOOP_CONF_DIRS = ("HADOOP_CONF_DIR", "YARN_CONF_DIR")
"""Not ours: the folders of Hadoop's configuration, which both sides look for."""

LOG_FILE = "LOG_FILE"
"""The run's log, to which the job appends; without it, the job logs to standard error."""

LOG_MAX_BYTES = "JOB_LOG_MAX_BYTES"
"""The size of LOG_FILE from which on the job logs to standard error, which is counted."""

PARAMS_FILE = "JOB_PARAMS_FILE"
"""The job's parameters as JSON."""

BASE_DIR = "JOB_BASE_DIR"
"""The data root, where relative paths of sources and sinks start: a path or a URL."""

SQL_DIR = "JOB_SQL_DIR"
"""The folder of HQL files."""

MORE_SQL_DIRS = "JOB_MORE_SQL_DIRS"
"""Folders of HQL files that are searched after JOB_SQL_DIR, separated as those of PATH."""

WAREHOUSE_DIR = "JOB_WAREHOUSE_DIR"
"""The folder of the tables that the job creates, removed with its process."""

PYSPARK_DIR = "JOB_PYSPARK_DIR"
"""The folder with Spark's own package pyspark: compiled code, unlike that of Spark's zip."""

SECRET_NAMES = "JOB_SECRETS"
"""Names, separated by commas, of the variables and Spark properties that hold a secret."""

MOVED_SECRET_PREFIX = "JOB_SECRET_"
"""The prefix of variables that hold a secret moved out of the parameters."""

PIPES_CONTEXT = "DAGSTER_PIPES_CONTEXT"
"""Dagster Pipes' own: set where the orchestrator waits for messages."""

PIPES_MESSAGES = "DAGSTER_PIPES_MESSAGES"
"""Dagster Pipes' own: where messages go."""

JOB_VARIABLES = (
    LOG_FILE,
    LOG_MAX_BYTES,
    PARAMS_FILE,
    BASE_DIR,
    SQL_DIR,
    MORE_SQL_DIRS,
    WAREHOUSE_DIR,
    PYSPARK_DIR,
)
"""The variables of every job, beside those of Pipes and of secrets."""
