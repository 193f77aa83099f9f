"""Ask the nodes of a cluster, by a small application, which Python they have and what they see."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from framework.contract.paths import as_location, is_local
from orch_dagster.bundle.job_environment import job_environment
from orch_dagster.files import make_private, scratch_folder
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.failure_text import exception_line, last_failure
from orch_dagster.spark.process import EndReason, Limits, Surroundings, run_supervised
from orch_dagster.spark.queue_limit import LOOK_AT_QUEUE
from orch_dagster.spark.standalone import away_master
from orch_dagster.spark.submit import ScriptSubmit, prepare_script
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits
from orch_dagster.spark.yarn.report import missing_program
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from orch_dagster.spark.yarn.submit import YarnSubmit

Finding = tuple[Literal["ok", "warning", "missing"], str]
"""The state, and what was found."""

FILE = ".orch-probe-"
"""The start of the name of the file with the findings, in the user's home folder on HDFS."""

_SCRIPT = Path(__file__).with_name("probe_script.py")
_TASKS = 8
_RUN_S = 300.0
_QUEUE_S = 600.0


def probe(
    properties: Mapping[str, str], settings: Settings, environ: Mapping[str, str]
) -> list[Finding]:
    """Submit the application with a job's Spark properties, and return what it found.

    Raises:
        SparkError: If it can't be submitted.
    """
    make_private(settings.state_dir / "work")
    with scratch_folder(settings.state_dir / "work", "probe-") as folder:
        run_id = str(uuid.uuid4())
        base = folder.absolute()
        on_yarn = properties.get("spark.master", "").strip() == "yarn"
        target = f"{FILE}{run_id}.json" if on_yarn else (base / "found.json").as_uri()
        script = ScriptSubmit(
            script=str(_SCRIPT.absolute()),
            app_name="orch-doctor-probe",
            run_id=run_id,
            properties_file=base / "probe.conf",
            arguments=(target, as_location(settings.base_dir), str(_TASKS)),
            properties=properties,
        )
        command = prepare_script(script, settings, {}, environ)
        around = Surroundings(job_environment(environ, settings.job_env), base)
        if command.application is None:
            return _here(command, around, base / "found.json", settings)
        client = YarnClient.of(shared_gateway(environ), command.application.properties)
        limits = ApplicationLimits(_RUN_S, _QUEUE_S, remedy=LOOK_AT_QUEUE)
        submit = YarnSubmit(
            command,
            command.application,
            limits,
            settings.stop_grace_s,
            around,
            environ=environ,
        )
        return _on_yarn(submit, client, target, settings)


def read_findings(found: Mapping[str, Any], data_root: str) -> list[Finding]:
    """Return a line for each of the findings of the application.

    Args:
        found: What it wrote.
        data_root: The location at which relative paths of jobs start.
    """
    findings: list[Finding] = []
    nodes, workers = found["nodes"], found["workers"]
    if isinstance(nodes, str):
        findings.append(("missing", _reason(nodes)))
    else:
        for each in nodes:
            findings.append(("ok", f"{each['host']} has Python {each['version']}, {each['path']}"))
            if is_local(data_root):
                findings.append(_seen(each["host"], data_root, is_seen=each["sees"]))
    if isinstance(workers, list):
        findings.append(("ok", f"pyspark imports on {', '.join(workers)}"))
    elif not isinstance(nodes, str):
        driver = found["driver"]
        text = f"no Python task runs on the nodes: {_reason(workers)}"
        findings.append(
            ("missing", f"{text}; the driver has Python {driver['version']}, {driver['path']}")
        )
    if "sees" in found:
        sees = found["sees"]
        if isinstance(sees, str):
            findings.append(("missing", f"the data root {data_root} can't be read: {sees}"))
        else:
            findings.append(_seen("the cluster", data_root, is_seen=sees))
    return findings


def _seen(who: str, data_root: str, *, is_seen: bool) -> Finding:
    if is_seen:
        return "ok", f"{who} sees the data root {data_root}"
    return "missing", f"{who} sees no data root {data_root}: create it, or set ORCH_DATA_ROOT"


def _reason(text: str) -> str:
    name, _, message = text.partition(": ")
    return missing_program(message) or exception_line(name, message, ())


def _here(
    command: SubmitCommand, around: Surroundings, target: Path, settings: Settings
) -> list[Finding]:
    """Run a probe whose driver is here and whose master is not YARN."""
    never = threading.Event()
    if away := away_master(command.master, never):
        return [("missing", away)]
    end = run_supervised(
        command,
        on_line=lambda _: None,
        stop=never,
        limits=Limits(_RUN_S, settings.stop_grace_s),
        surroundings=around,
    )
    if not target.is_file():
        return [("missing", _unanswered(last_failure(end.tail), end.reason))]
    found = json.loads(target.read_text(encoding="utf-8"))
    return read_findings(found, as_location(settings.base_dir))


def _on_yarn(
    submit: YarnSubmit, client: YarnClient, target: str, settings: Settings
) -> list[Finding]:
    process, end = submit.run(client, threading.Event())
    findings: list[Finding] = [("missing", end.unended)] if end.unended else []
    try:
        found = json.loads(client.read_file(target))
    except YarnError as error:
        failure = end.failure or last_failure(process.tail)
        has_ended = process.reason == "exited" and process.exit_code == 0
        unread = f"what it found can't be read: {error}" if has_ended else None
        return [("missing", _unanswered(failure or unread, process.reason)), *findings]
    client.delete(target)
    return [*read_findings(found, as_location(settings.base_dir)), *findings]


def _unanswered(failure: str | None, reason: EndReason) -> str:
    if failure is None and reason == "timeout":
        failure = f"it ran longer than {_RUN_S / 60:g} minutes and was stopped"
    return f"the application found nothing out: {failure or 'it ended without a word'}"
