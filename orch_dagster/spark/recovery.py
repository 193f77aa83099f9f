"""Finish or roll back landings that were cut off, beside the sinks of jobs.

The job framework that jobs run with recovers its own landings, in a separate process: plain Python
if all of a job's sinks are local, else a spark-submit with the job's Spark properties, as the
access to another file system may need them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from framework.contract import variables
from framework.contract.secret_names import is_secret
from framework.contract.spark_defaults import LOCAL_IP
from orch_dagster.bundle.job_environment import job_environment
from orch_dagster.bundle.leftovers import PROPERTIES_SUFFIX
from orch_dagster.errors import OrchError
from orch_dagster.files import make_private, scratch_folder, write_atomically
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.deployment import DEPLOY_MODE, MASTER
from orch_dagster.spark.failure_text import last_failure
from orch_dagster.spark.process import Limits, Surroundings, run_supervised
from orch_dagster.spark.submit import write_command
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.text import Masker, clip_utf8
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults

_SCRIPT = Path(__file__).with_name("recover_script.py")
# Renames need no executors, wherever the job itself runs.
_DEPLOYMENT = {MASTER: "local[1]", DEPLOY_MODE: "client"}

_Items: TypeAlias = tuple[tuple[str, str], ...]

SparkProperties = Callable[[JobSpec], Mapping[str, str]]
"""Returns a job's own Spark properties; called only for a session. May raise OrchError."""


class RecoveryError(OrchError):
    """The process that recovers ended without an answer."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one landing that was cut off or still runs.

    Attributes:
        job_name: The job.
        biz_dt: The date; None for the job as a whole.
        outcome: recovered, held (the landing still runs, or can't be checked) or failed.
        text: The state and what was done, in a sentence.
    """

    job_name: str
    biz_dt: str | None
    outcome: str
    text: str


@dataclass(frozen=True)
class Recovery:
    """A recovery of landings.

    Attributes:
        settings: The settings.
        environ: The environment that names Java and Spark.
        biz_dts: The dates to recover; none for all.
        gone_hosts: Other hosts whose processes are known to be gone.
    """

    settings: Settings
    environ: Mapping[str, str]
    biz_dts: tuple[str, ...] = ()
    gone_hosts: tuple[str, ...] = ()

    def recover(
        self,
        specs: Collection[JobSpec],
        spark_properties: SparkProperties,
        secrets: SparkProperties = lambda _: {},
    ) -> list[Finding]:
        """Recover the landings of all of these jobs, even if some fail.

        Args:
            specs: The jobs; those without folders of their own have nothing to recover.
            spark_properties: Returns a job's own Spark properties.
            secrets: Returns those of them that are secrets, which are never shown.
        """
        by_name = {
            spec.job_name: spec for spec in specs if _file_sinks(spec) or _folders_of_rejected(spec)
        }
        local = self._recovered(list(by_name.values()), None, {})
        remote = [by_name[each.job_name] for each in local if each.outcome == "needs_session"]
        findings = [each for each in local if each.outcome != "needs_session"]
        # Jobs of the same properties share a session.
        sessions: dict[tuple[_Items, _Items], list[JobSpec]] = defaultdict(list)
        for spec in remote:
            try:
                properties = {**spark_properties(spec), **_DEPLOYMENT}
                secret = secrets(spec)
            except OrchError as error:
                findings += _failed([spec], error)
                continue
            sessions[tuple(sorted(properties.items())), tuple(sorted(secret.items()))].append(spec)
        for (properties, secret), sharing in sessions.items():
            findings += self._recovered(sharing, dict(properties), dict(secret))
        return findings

    def _recovered(
        self,
        specs: Sequence[JobSpec],
        properties: Mapping[str, str] | None,
        secrets: Mapping[str, str],
    ) -> list[Finding]:
        """Recover in a process, which with Spark properties is a spark-submit."""
        if not specs:
            return []
        request = {
            "jobs": [
                {
                    "job_name": spec.job_name,
                    "sinks": _file_sinks(spec),
                    "rejected": _folders_of_rejected(spec),
                }
                for spec in specs
            ],
            "biz_dts": self.biz_dts,
            "gone_hosts": self.gone_hosts,
            "with_session": properties is not None,
        }
        make_private(self.settings.state_dir)
        with scratch_folder(self.settings.state_dir, "recover-") as folder:
            file = folder / "asked.json"
            write_atomically(file, json.dumps(request))
            try:
                command = (
                    self._submit(file, properties, secrets) if properties else self._python(file)
                )
                by_key = self._secret_by_key(properties or {})
                mask = Masker([*secrets.values(), *by_key.values()])
                return [Finding(**each) for each in self._answer(command, file, mask)]
            except (OrchError, OSError) as error:
                return _failed(specs, error)

    def _answer(self, command: SubmitCommand, file: Path, mask: Masker) -> list[dict[str, Any]]:
        end = run_supervised(
            command,
            on_line=lambda _: None,
            stop=threading.Event(),
            limits=Limits(self.settings.timeout_minutes * 60, self.settings.stop_grace_s),
            surroundings=Surroundings(
                job_environment(self.environ, self.settings.job_env),
                file.parent,
                remove=file.with_suffix(PROPERTIES_SUFFIX),
            ),
        )
        answer = file.with_name(f"{file.name}.found")
        if end.exit_code != 0 or not answer.is_file():
            why = last_failure(mask(end.tail)) or f"exit code {end.exit_code}"
            raise RecoveryError(
                f"not recovered, as {Path(command.argv[0]).name} failed ({clip_utf8(why)}); "
                "a retry is safe"
            )
        findings = json.loads(answer.read_text(encoding="utf-8"))
        return [{**each, "text": mask(each["text"])} for each in findings]

    def _python(self, file: Path) -> SubmitCommand:
        return SubmitCommand(
            argv=(sys.executable, str(_SCRIPT)),
            env={
                "PYTHONPATH": os.pathsep.join(map(str, self.settings.module_path)),
                variables.PARAMS_FILE: str(file),
                variables.BASE_DIR: self.settings.base_dir,
            },
            properties={},
            properties_file="",
        )

    def _secret_by_key(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Return the properties that are secrets by their key or value."""
        patterns = self.settings.secret_patterns
        return {k: v for k, v in properties.items() if is_secret(k, v, patterns)}

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
            module_path=tuple(map(str, self.settings.module_path)),
            params_file=str(file),
            log_file=None,
            base_dir=self.settings.base_dir,
            sql_path=tuple(map(str, self.settings.hql_path)),
            properties_file=str(file.with_suffix(PROPERTIES_SUFFIX)),
            spark_properties={**properties, **secrets},
            secret_properties=frozenset({*secrets, *self._secret_by_key(properties)}),
            spark_defaults=read_spark_defaults(spark, self.environ),
            local_ip=self.environ.get(LOCAL_IP, ""),
        )
        return write_command(request, self.environ)


def _file_sinks(spec: JobSpec) -> list[dict[str, Any]]:
    return [
        {"path": sink.path, "partition_cols": sink.partition_cols}
        for sink in spec.context.sinks
        if sink.is_staged
    ]


def _folders_of_rejected(spec: JobSpec) -> list[str]:
    records = (source.bad_records for source in spec.context.sources)
    return [each.path for each in records if each and each.path]


def _failed(specs: Collection[JobSpec], error: Exception) -> list[Finding]:
    return [Finding(spec.job_name, None, "failed", f"{spec.job_name}: {error}") for spec in specs]
