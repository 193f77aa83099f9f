"""Finish or roll back what cut-off landings left beside the sinks of jobs.

That is done by the job framework of ORCH_JOBS_DIR, which landed, in a process of its own: a plain
Python where all of a job's sinks are local, else a spark-submit with the job's own Spark
properties, as the way to another file system may be among them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from framework.contract import variables
from orch_dagster.errors import OrchError
from orch_dagster.files import write_atomically
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.command import Platform, SubmitCommand, SubmitRequest, build_command
from orch_dagster.spark.deployment import DEPLOY_MODE, MASTER
from orch_dagster.spark.failure_text import last_failure
from orch_dagster.spark.process import Limits, Surroundings, run_supervised
from orch_dagster.text import Masker, clip_utf8
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.properties import format_properties

_SCRIPT = Path(__file__).with_name("recover_script.py")
# Renames need no executors, wherever the job itself runs.
_DEPLOYMENT = {MASTER: "local[1]", DEPLOY_MODE: "client"}

_Items: TypeAlias = tuple[tuple[str, str], ...]

SparkProperties = Callable[[JobSpec], Mapping[str, str]]
"""A job to its own Spark properties; asked only where a session is needed. May raise OrchError."""


class RecoveryError(OrchError):
    """The process that recovers ended without an answer."""


@dataclass(frozen=True)
class Finding:
    """What became of one landing that was cut off, or is on its way.

    Attributes:
        job_name: The job.
        biz_dt: The date; None where it is about the job as a whole.
        outcome: recovered, held (the landing is on its way, or cannot be judged) or failed.
        text: What was found and done, in a sentence.
    """

    job_name: str
    biz_dt: str | None
    outcome: str
    text: str


@dataclass(frozen=True)
class Recovery:
    """What is asked for.

    Attributes:
        settings: Ours.
        environ: Where Java and Spark are looked for.
        biz_dt: The only date to look at; None for all that left something.
        gone_hosts: Other hosts whose processes are known to be gone.
    """

    settings: Settings
    environ: Mapping[str, str]
    biz_dt: str | None = None
    gone_hosts: tuple[str, ...] = ()

    def recover(
        self,
        specs: Collection[JobSpec],
        spark_properties: SparkProperties,
        secrets: SparkProperties = lambda _: {},
    ) -> list[Finding]:
        """Recover the landings of these jobs, all of them, whatever fails.

        Args:
            specs: The jobs; those without sinks of files have nothing to recover.
            spark_properties: Tells a job's own.
            secrets: Tells those of them that are secrets, which are nowhere shown.
        """
        by_name = {spec.job_name: spec for spec in specs if _file_sinks(spec)}
        found = self._found(list(by_name.values()), None, {})
        elsewhere = [by_name[one.job_name] for one in found if one.outcome == "needs_session"]
        found = [one for one in found if one.outcome != "needs_session"]
        # Jobs of the same properties share a session.
        sessions: dict[tuple[_Items, _Items], list[JobSpec]] = defaultdict(list)
        for spec in elsewhere:
            try:
                properties = {**spark_properties(spec), **_DEPLOYMENT}
                secret = secrets(spec)
            except OrchError as error:
                found += _failed([spec], error)
                continue
            sessions[tuple(sorted(properties.items())), tuple(sorted(secret.items()))].append(spec)
        for (properties, secret), sharing in sessions.items():
            found += self._found(sharing, dict(properties), dict(secret))
        return found

    def _found(
        self,
        specs: Sequence[JobSpec],
        properties: Mapping[str, str] | None,
        secrets: Mapping[str, str],
    ) -> list[Finding]:
        """What a process finds; with Spark properties, it is a spark-submit."""
        if not specs:
            return []
        asked = {
            "jobs": [{"job_name": spec.job_name, "sinks": _file_sinks(spec)} for spec in specs],
            "biz_dt": self.biz_dt,
            "gone_hosts": self.gone_hosts,
            "with_session": properties is not None,
        }
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.state_dir, prefix="recover-") as folder:
            file = Path(folder) / "asked.json"
            write_atomically(file, json.dumps(asked))
            try:
                command = (
                    self._submit(file, properties, secrets) if properties else self._python(file)
                )
                mask = Masker(secrets.values())
                return [Finding(**one) for one in self._answer(command, file, mask)]
            except (OrchError, OSError) as error:
                return _failed(specs, error)

    def _answer(self, command: SubmitCommand, file: Path, mask: Masker) -> list[dict[str, Any]]:
        if command.properties:
            write_atomically(Path(command.properties_file), format_properties(command.properties))
        end = run_supervised(
            command,
            on_line=lambda _: None,
            stop=threading.Event(),
            limits=Limits(self.settings.timeout_minutes * 60, self.settings.stop_grace_s),
            surroundings=Surroundings(self.environ, file.parent),
        )
        answer = file.with_name(f"{file.name}.found")
        if end.exit_code != 0 or not answer.is_file():
            why = last_failure(mask(end.tail)) or f"exit code {end.exit_code}"
            raise RecoveryError(
                f"not recovered, as {Path(command.argv[0]).name} failed ({clip_utf8(why)}); "
                "trying again is safe"
            )
        found = json.loads(answer.read_text(encoding="utf-8"))
        return [{**one, "text": mask(one["text"])} for one in found]

    def _python(self, file: Path) -> SubmitCommand:
        return SubmitCommand(
            argv=(sys.executable, str(_SCRIPT)),
            env={
                "PYTHONPATH": str(self.settings.jobs_dir),
                variables.PARAMS_FILE: str(file),
                variables.BASE_DIR: self.settings.base_dir,
            },
            properties={},
            properties_file="",
        )

    def _submit(
        self, file: Path, properties: Mapping[str, str], secrets: Mapping[str, str]
    ) -> SubmitCommand:
        spark = find_spark(self.environ)
        request = SubmitRequest(
            spark_home=str(spark.home),
            spark_submit=str(spark.submit),
            java_home=str(find_java(self.environ).home),
            python=sys.executable,
            script=str(_SCRIPT),
            app_name="orch recover",
            run_id="orch-recover",
            framework_dir=str(self.settings.jobs_dir),
            params_file=str(file),
            log_file=None,
            base_dir=self.settings.base_dir,
            sql_dir=str(self.settings.hql_dir),
            properties_file=str(file.with_suffix(".properties")),
            spark_properties={**properties, **secrets},
            secret_properties=frozenset(secrets),
            spark_defaults=read_spark_defaults(spark, self.environ),
        )
        return build_command(request, cast(Platform, sys.platform))


def _file_sinks(spec: JobSpec) -> list[dict[str, Any]]:
    return [
        {"path": sink.path, "partition_cols": sink.partition_cols}
        for sink in spec.context.sinks
        if sink.is_staged
    ]


def _failed(specs: Collection[JobSpec], error: Exception) -> list[Finding]:
    return [Finding(spec.job_name, None, "failed", f"{spec.job_name}: {error}") for spec in specs]
