"""Names of the environment variables by which the orchestrator tells a job what to do."""

from __future__ import annotations

LOG_FILE = "LOG_FILE"
"""The run's log, to which the job appends; unset where it has to log to standard error."""

PARAMS_FILE = "JOB_PARAMS_FILE"
"""The job's parameters as JSON."""

BASE_DIR = "JOB_BASE_DIR"
"""The data root, where relative paths of sources and sinks start: a path or a URL."""

SQL_DIR = "JOB_SQL_DIR"
"""The folder of HQL files."""

SECRET_NAMES = "JOB_SECRETS"
"""Names, separated by commas, of the variables and Spark properties that hold a secret."""

MOVED_SECRET_PREFIX = "JOB_SECRET_"
"""What begins the names of variables that hold a secret taken out of the parameters."""

PIPES_CONTEXT = "DAGSTER_PIPES_CONTEXT"
"""Dagster Pipes' own: set where the orchestrator waits for messages."""

PIPES_MESSAGES = "DAGSTER_PIPES_MESSAGES"
"""Dagster Pipes' own: where messages go."""

JOB_VARIABLES = (LOG_FILE, PARAMS_FILE, BASE_DIR, SQL_DIR)
"""What every job is started with, beside the variables of Pipes and of secrets."""
