"""An ORCH_HOME and the commands its user gives, as real processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from click.testing import CliRunner, Result
from dagster import DagsterEvent, DagsterEventType, DagsterInstance

from orch_dagster.cli.main import main
from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.defs.runs.dead_runs import fail_dead_runs
from orch_dagster.defs.runs.log_sensor import project_ended_runs
from orch_dagster.settings import REPOSITORY

BIZ_DT = "2024-05-15"
STORE_URL = "sqlite:///.orch/control.db"

# What a fresh clone has that commands need.
_TRACKED = ("orch_dagster", "jobs", "hql", "examples", "tools", "workspace.yaml", "dagster.yaml")


@dataclass
class Home:
    """A folder, and the environment in which its user gives commands there.

    Attributes:
        folder: ORCH_HOME, and where commands are given.
        environ: Their environment; a test may add to it.
    """

    folder: Path
    environ: dict[str, str]

    def given(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Give a command and wait for its end, whatever it is."""
        program = shutil.which(words[0], path=self.environ["PATH"])
        assert program is not None, f"{words[0]} is not installed"
        return subprocess.run(
            [program, *words[1:]],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def orch(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = self.given("orch", *words)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def here(self, *words: str, check: bool = True) -> Result:
        """Give an orch command in this process, where not the command itself is what is tested.

        A process of its own would take seconds to import what is here already. Not for commands
        that run jobs: they load the code location, which a process does once.
        """
        env: dict[str, str | None] = {name: None for name in os.environ if name not in self.environ}
        # A checkout is its own home without the variable; this process has another repository.
        env |= {"ORCH_HOME": str(self.folder), **self.environ}
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            done = CliRunner().invoke(main, [*words], env=env, catch_exceptions=False)
        finally:
            os.chdir(before)
        assert done.exit_code == 0 or not check, done.output
        return done

    def contents(self, folder: str) -> dict[str, bytes]:
        """Every file below a folder of the home, by its path."""
        below = (self.folder / folder).rglob("*")
        return {str(path): path.read_bytes() for path in below if path.is_file()}

    def json(self, *words: str) -> Any:
        return json.loads(self.orch(*words, "--json").stdout)

    def line(self, command: str) -> subprocess.CompletedProcess[str]:
        """Give a line as documentation has it; it must succeed."""
        done = self.given(*shlex.split(command))
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done

    def execute_command(self, job: str, biz_dt: str = BIZ_DT) -> list[str]:
        tags = json.dumps({"dagster/partition": biz_dt})
        command = ["dagster", "job", "execute", "-m", "orch_dagster.definitions"]
        return [*command, "-j", job, "--tags", tags]

    def execute(self, job: str, biz_dt: str = BIZ_DT) -> subprocess.CompletedProcess[str]:
        return self.given(*self.execute_command(job, biz_dt))

    def set_params(self, spark: Mapping[str, str], system: Mapping[str, str]) -> None:
        """Set Spark properties, and settings of ours, of every job."""
        keys = {"environment": "DEV", "key_name": "*"}
        rows = [
            {**keys, "param_key": key, "param_value": value, "param_type": type_}
            for type_, values in (("spark", spark), ("system", system))
            for key, value in values.items()
        ]
        (self.folder / "params.yaml").write_text(json.dumps({"sys_params": rows}))
        self.here("apply", "params.yaml")

    def process_names(self) -> list[str]:
        """Names of the home's processes."""
        return [process.info["name"] for process in self.processes()]

    def processes(self) -> list[psutil.Process]:
        """The living processes that have this ORCH_HOME, whoever their parent is now."""
        return [
            process
            for process in psutil.process_iter(["name", "status", "environ"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and (process.info["environ"] or {}).get("ORCH_HOME") == str(self.folder)
        ]

    def events(self, run_id: str, kind: DagsterEventType) -> list[DagsterEvent]:
        """The run's events of a kind, as they came."""
        with DagsterInstance.from_config(str(self.folder / ".orch" / "dagster")) as instance:
            records = instance.get_records_for_run(run_id, of_type={kind}).records
        found = [record.event_log_entry.dagster_event for record in records]
        return [event for event in found if event is not None]

    def tick_sensor(self) -> None:
        """One tick of what the sensor does with execution_log, from the first event on."""
        store = open_store(self.environ.get("ORCH_CONTROL_URL", STORE_URL), self.folder)
        with DagsterInstance.from_config(self.environ["DAGSTER_HOME"]) as instance:
            job_ids = {str(row["job_name"]): str(row["job_id"]) for row in store.read(JOB_MASTER)}
            fail_dead_runs(instance, job_ids)
            project_ended_runs(instance, store, job_ids, {})
        store.close()

    def log_rows(self, job: str) -> list[dict[str, Any]]:
        """The job's rows of execution_log, newest first."""
        return json.loads(self.here("log", "--job", job, "--json").stdout)


def home_of_job(
    folder: Path,
    job_name: str,
    script: str,
    context: dict[str, Any],
    hql: Mapping[str, str] | None = None,
) -> Home:
    """A home of one job of INS SYS, with its own jobs folder that holds the framework.

    Args:
        folder: ORCH_HOME.
        job_name: Such as etl_lnd_ins_sys_t.
        script: The text of its script.
        context: Its context_params.
        hql: The texts of its HQL files by name, in a folder of their own.
    """
    made = new_home(folder)
    if hql:
        (made.folder / "hql").mkdir()
        made.environ["ORCH_HQL_DIR"] = str(made.folder / "hql")
    for name, text in (hql or {}).items():
        (made.folder / "hql" / name).write_text(text, encoding="utf-8")
    jobs = made.folder / "jobs"
    shutil.copytree(REPOSITORY / "jobs" / "framework", jobs / "framework")
    (jobs / "job.py").write_text(script, encoding="utf-8")
    made.environ["ORCH_JOBS_DIR"] = str(jobs)
    keys = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    properties = {"spark.master": "local[1]", "spark.ui.enabled": "false"}
    rows = {
        "job_master": [
            {"job_id": "J", "job_name": job_name, "script_path": "job.py",
             "context_params": context}
        ],
        "process_control": [{"entity": "INS", "source_system": "SYS", "biz_dt": BIZ_DT}],
        "sys_params": [
            {**keys, "param_key": name, "param_value": value} for name, value in properties.items()
        ],
    }  # fmt: skip
    # JSON is YAML too.
    (made.folder / "rows.yaml").write_text(json.dumps(rows), encoding="utf-8")
    made.here("init")
    made.here("apply", "rows.yaml")
    return made


def new_home(folder: Path) -> Home:
    """An empty ORCH_HOME."""
    folder.mkdir()
    return home_at(folder)


def home_at(folder: Path) -> Home:
    """The ORCH_HOME there; nothing of the machine's own settings reaches its commands."""
    dagster_home = folder / ".orch" / "dagster"
    return Home(folder, {**_environ(), "ORCH_HOME": str(folder), "DAGSTER_HOME": str(dagster_home)})


def copied_home(of: Home, folder: Path) -> Home:
    """A copy of a home that nothing runs in."""
    shutil.copytree(of.folder, folder, dirs_exist_ok=True)
    variables = folder / ".env"
    variables.write_text(variables.read_text().replace(str(of.folder), str(folder)))
    return home_at(folder)


def new_checkout(folder: Path) -> Home:
    """A copy of the repository, which is its own ORCH_HOME, as it is after a clone."""
    folder.mkdir()
    for name in _TRACKED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return Home(folder, {**_environ(), "PYTHONPATH": str(folder)})


def _environ() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCH_", "DAGSTER_"))}
    return {
        **kept,
        # As with .venv activated.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]]),
    }
