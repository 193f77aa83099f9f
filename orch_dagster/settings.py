"""The settings of the environment, as one frozen value."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, cast

from pydantic import AliasChoices, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from framework.contract.business_dates import date_fault
from framework.contract.native_paths import quoted_path
from framework.contract.paths import as_location
from framework.contract.secret_names import KEY_PATTERNS
from framework.contract.setting_values import is_time_zone
from framework.contract.windows_names import git_bash_fault
from orch_dagster.errors import SettingsError
from orch_dagster.files import STATE_DIR, first_file, real_path
from orch_dagster.home import HOME, INSTANCE, find_home
from orch_dagster.referenced_files import ReferencedFiles
from orch_dagster.shipped import SHIPPED

REPOSITORY = real_path(Path(__file__)).parent.parent

# Two letters at least: C:/data is a path of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
# The names of Windows' variables may hold parentheses.
_UNSET = cast("Path", None)
_NAME_RULE = re.compile(r"-?[\w*?.()\[\]]+")


class Settings(BaseSettings):
    """All settings, named ORCH_<FIELD> in the environment and listed in the settings' reference."""

    model_config = SettingsConfigDict(
        env_prefix="ORCH_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = Field(
        REPOSITORY,
        description="The folder of .orch/, params/ and logs/; if unset, the project of the working "
        "folder: the nearest one going up, made by `orch new` or `orch init`; else the clone",
    )
    data_root: str = Field(
        "",
        description="Where relative paths of sources and sinks start: a path (relative to "
        "ORCH_HOME) or a URL; if unset, ORCH_HOME",
    )
    control_url: str = Field(
        "sqlite:///.orch/control.db",
        description="The control store: `sqlite:///FILE` (relative to ORCH_HOME), "
        "`postgresql+psycopg://USER@HOST/DATABASE` or `kudu://HOST:7051`, see docs/kudu.md",
    )
    env: str = Field("DEV", description="The `environment` whose sys_params hold")
    jobs_dir: Path = Field(
        _UNSET,
        validate_default=True,
        description="Where script_path starts, relative to ORCH_HOME; if unset, its jobs/. What "
        "is missing there is looked for among the jobs that ship with the package",
    )
    hql_dir: Path = Field(
        _UNSET,
        validate_default=True,
        description="Where `hql` of context_params starts, relative to ORCH_HOME; if unset, its "
        "hql/. What is missing there is looked for among the HQL that ships with the package",
    )
    first_biz_dt: date | None = Field(
        None,
        description="The first business date that schedules open; if unset, none is too early",
    )
    script_url_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="JSON list of prefixes under which script_path may be a URL, such as "
        '["hdfs://jobs/"]',
    )
    listed_jobs: int = Field(
        200,
        ge=0,
        description="Up to this many rows of job_master, Dagit lists a job for each. With more, it "
        "lists the groups' jobs and the assets, without their sources and HQL texts, and from "
        "2,001 rows on without links to tables and files; any row's job still runs by name from "
        "the command line",
    )
    dates_per_run: int = Field(
        31,
        ge=1,
        description="Business dates that one run lands in one Spark application; a larger backfill "
        "is split",
    )
    max_concurrent_jobs: int = Field(4, ge=1, description="Jobs side by side within one run")
    timeout_minutes: float = Field(
        720, gt=0, description="A job's time limit, unless its context_params set one"
    )
    heartbeat_timeout_s: float = Field(
        300,
        gt=60,
        # ORCH_SILENCE_S is the older name.
        validation_alias=AliasChoices("ORCH_HEARTBEAT_TIMEOUT_S", "ORCH_SILENCE_S"),
        description="Seconds without a heartbeat after which a run of another host counts as dead, "
        "and a run of any host that never sent one; a run sends one every 30 s",
    )
    stop_grace_s: float = Field(
        5, ge=0, le=86_400, description="Seconds between TERM and KILL of a job"
    )
    log_retention_days: int = Field(
        30,
        ge=0,
        # Before its first year a calendar ends.
        le=700_000,
        description="Days after which a run's log file, and its parameters under params/, are "
        "removed; 0 keeps all",
    )
    log_max_mb: float = Field(
        200,
        ge=0,
        allow_inf_nan=False,
        description="The size of a run's log in MB from which on the output of its jobs is counted "
        "and not kept; 0 keeps all",
    )
    schedule_cron: str = Field(
        "0 2 * * *", description="A group's cron, unless sys_params have a schedule.cron"
    )
    schedule_timezone: str = Field(
        "UTC", description="A group's time zone, unless sys_params have a schedule.timezone"
    )

    secret_patterns: Annotated[tuple[str, ...], NoDecode] = Field(
        KEY_PATTERNS,
        description="JSON list of regular expressions, in any case of letters: the value of a key "
        "in which one is found is a secret, see docs/how-to/secrets.md",
    )

    job_env: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="JSON list of environment variables that jobs get, or after a `-` do not get, "
        'such as ["-CI_*", "CI_BUILD"]; the last that matches decides, see docs/how-to/secrets.md',
    )

    secret_dirs: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="JSON list of folders besides ORCH_HOME whose files secrets and calendars may "
        "name by `file:PATH`, such as /run/secrets; or their paths, separated as those of PATH",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        home = _expanded(path)
        if not home.is_absolute():
            # Absolute elsewhere, not on Windows.
            raise ValueError(
                git_bash_fault(home.as_posix())
                or "give an absolute path: nothing may depend on the working folder"
            )
        return real_path(home)

    @field_validator("jobs_dir", "hql_dir", mode="before")
    @classmethod
    def _own_or_shipped(cls, path: object, info: ValidationInfo) -> object:
        if path is not _UNSET:
            return path
        name = str(info.field_name).removesuffix("_dir")
        own = info.data.get("home", REPOSITORY) / name
        return own if own.is_dir() else SHIPPED / name

    @field_validator("jobs_dir", "hql_dir")
    @classmethod
    def _from_home(cls, path: Path, info: ValidationInfo) -> Path:
        if path.drive and not path.root:
            raise ValueError(
                "give it from its drive's root: nothing may depend on the working folder"
            )
        if os.name == "nt" and (fault := git_bash_fault(path.as_posix())):
            raise ValueError(fault)
        return real_path(info.data.get("home", REPOSITORY) / _expanded(path))

    @field_validator("script_url_prefixes", "secret_patterns", "job_env", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        # Not left to pydantic-settings, which stops at the first variable that is not JSON.
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("secret_dirs", mode="before")
    @classmethod
    def _paths(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        is_json = value.lstrip().startswith("[")
        return json.loads(value) if is_json else [path for path in value.split(os.pathsep) if path]

    @field_validator("secret_dirs")
    @classmethod
    def _folders_from_home(cls, paths: tuple[Path, ...], info: ValidationInfo) -> tuple[Path, ...]:
        return tuple(cls._from_home(path, info) for path in paths)

    @field_validator("secret_patterns")
    @classmethod
    def _regular(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return patterns

    @field_validator("job_env")
    @classmethod
    def _names(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            if not _NAME_RULE.fullmatch(rule):
                raise ValueError(f"{rule!r} is not a variable's name or pattern such as -CI_*")
        return rules

    @field_validator("first_biz_dt", mode="before")
    @classmethod
    def _iso_date(cls, day: object) -> object:
        # Pydantic takes a number for the seconds since 1970.
        if day is not None and (fault := date_fault(str(day))):
            raise ValueError(fault)
        return day

    @field_validator("schedule_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if not is_time_zone(name):
            raise ValueError("not a time zone such as Europe/Berlin")
        return name

    @property
    def base_dir(self) -> str:
        """Return the data root, an absolute path or a URL."""
        if _URL.match(self.data_root):
            return self.data_root
        return str(self.home / Path(self.data_root).expanduser())

    @property
    def jobs_path(self) -> tuple[Path, ...]:
        """Return the folders in which scripts are looked for, the project's own first."""
        return tuple(dict.fromkeys((self.jobs_dir, SHIPPED / "jobs")))

    @property
    def hql_path(self) -> tuple[Path, ...]:
        """Return the folders in which HQL files are looked for, the project's own first."""
        return tuple(dict.fromkeys((self.hql_dir, SHIPPED / "hql")))

    @property
    def framework_dir(self) -> Path:
        """Return the folder that holds the package `framework`."""
        holders = (each for each in self.jobs_path if (each / "framework").is_dir())
        return next(holders, self.jobs_dir)

    @property
    def module_path(self) -> tuple[Path, ...]:
        """Return the folders of the modules that scripts import."""
        return tuple(dict.fromkeys((self.jobs_dir, self.framework_dir)))

    def script_file(self, script: str) -> Path | None:
        """Return the file of a script by its relative path, None if it is missing."""
        return first_file(self.jobs_path, script)

    def hql_file(self, hql: str) -> Path | None:
        """Return an HQL file by its relative path, None if it is missing."""
        return first_file(self.hql_path, hql)

    @property
    def referenced_files(self) -> ReferencedFiles:
        """Return the files that rows may refer to by `file:PATH`."""
        return ReferencedFiles(self.home, self.secret_dirs)

    @property
    def is_on_kudu(self) -> bool:
        """Return whether the control tables are in Kudu."""
        return self.control_url.startswith("kudu:")

    @property
    def state_dir(self) -> Path:
        """Return the folder of the embedded store, the snapshot and Dagster's instance."""
        return self.home / STATE_DIR

    @property
    def dagster_home(self) -> Path:
        """Return the folder of the Dagster instance that every orch command uses."""
        return self.home / INSTANCE

    @property
    def params_dir(self) -> Path:
        """Return the folder that bundles are written to."""
        return self.home / "params"

    @property
    def logs_dir(self) -> Path:
        """Return the folder of the runs' log files."""
        return self.home / "logs"

    @property
    def own_folders(self) -> Mapping[str, str]:
        """Return where no job may land: what is kept there, by the folder's location."""
        folders = {
            self.state_dir: f"what orch keeps in {STATE_DIR}",
            self.params_dir: "the bundles of the runs",
            self.logs_dir: "the logs of the runs",
            **dict.fromkeys(self.hql_path, "the HQL files (ORCH_HQL_DIR)"),
            **dict.fromkeys(self.jobs_path, "the scripts of the jobs (ORCH_JOBS_DIR)"),
        }
        return {as_location(str(folder)): what for folder, what in folders.items()}

    @property
    def kept_reports_dir(self) -> Path:
        """Return the folder of steps' reports that Dagster's storage could not take."""
        return self.state_dir / "kept"

    @property
    def log_max_bytes(self) -> int:
        """Return the size from which on a run's log takes no output of jobs; 0 for no limit."""
        return int(self.log_max_mb * 1_000_000)


def _variable(loc: tuple[int | str, ...]) -> str:
    """Return the variable at fault; if the setting has an older name, the one that is set."""
    name = "_".join(map(str, loc)).upper()
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            names = [str(choice) for choice in field.validation_alias.choices]
            if name in names:
                return next((each for each in names if os.environ.get(each)), name)
    return f"ORCH_{name}"


def _shown(value: object) -> str:
    return quoted_path(value) if isinstance(value, str) else repr(value)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def load_settings() -> Settings:
    """Load the settings of this process's environment.

    Raises:
        SettingsError: If values can't be used; names each with its variable. If there is no home.
    """
    found: dict[str, Path] = {}
    if not os.environ.get(HOME):
        home = find_home()
        if home is None:
            raise SettingsError(
                f"{Path.cwd()} is not in a project: make one by `orch new FOLDER` and work there, "
                f"or set {HOME} to its folder"
            )
        found["home"] = home
    try:
        return Settings(**found)  # pyright: ignore[reportCallIssue, reportArgumentType]
    except ValidationError as error:
        bad = [
            f"{_variable(item['loc'])}: {item['msg']} (got {_shown(item['input'])})"
            for item in error.errors()
        ]
        raise SettingsError("; ".join(bad)) from error
