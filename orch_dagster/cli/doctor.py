"""orch doctor: find what is missing, and name its remedy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

import click
from rich.text import Text

from framework.contract.business_dates import WINDOW, window_fault
from framework.contract.secret_names import PARAM_TYPE as SECRET_TYPE
from framework.contract.spark_defaults import SPARK_DEFAULTS
from framework.contract.system_settings import PARAM_TYPE, SYSTEM_SETTINGS
from framework.contract.visible import visible
from orch_dagster.cli.accelerate import class_data_of
from orch_dagster.cli.arguments import as_json
from orch_dagster.cli.cluster_checks import cluster_checks
from orch_dagster.cli.cluster_uses import CheckedPart
from orch_dagster.cli.node_checks import node_checks
from orch_dagster.cli.output import console, print_json
from orch_dagster.cli.setting_check import setting_check
from orch_dagster.cli.sharing_checks import sharing_checks
from orch_dagster.cli.short_jobs import short_jobs
from orch_dagster.control.connect import opened_store, store_file
from orch_dagster.control.kudu.diagnose import diagnose
from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.records import ProcessControl, SysParam, read_records
from orch_dagster.control.secret_rows import secret_place_error
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import SPARK_TYPE, system_fault
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS, TABLES
from orch_dagster.errors import OrchError
from orch_dagster.files import write_fault
from orch_dagster.registry.cluster_paths import site_of, unshared_jobs
from orch_dagster.registry.jobs import Finding, Registry
from orch_dagster.registry.location import load_location
from orch_dagster.registry.prune import key_name_fault, key_names
from orch_dagster.registry.set_aside import set_aside_finding
from orch_dagster.settings import Settings, load_settings
from orch_dagster.toolchain.find import (
    find_java,
    find_spark,
    read_spark_defaults,
)
from orch_dagster.toolchain.folder_check import folder_faults, open_to_others
from orch_dagster.toolchain.windows_paths import (
    UsedPath,
    java_home_path,
    path_faults,
    spark_home_path,
)
from orch_dagster.toolchain.windows_tools import missing_windows_tools

_STYLES = {"ok": "green", "warning": "yellow", "missing": "red"}


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The subject, such as Java.
        state: ok, warning or missing.
        text: The finding; if something is missing, with its remedy.
    """

    name: str
    state: str
    text: str


@click.command()
@click.option(
    "--probe",
    "is_probing",
    is_flag=True,
    help="Also submit a small application to each cluster that jobs use, and ask its nodes.",
)
@as_json
def doctor(is_probing: bool, is_json: bool) -> None:
    """Name what is missing on this machine, and the remedy."""
    settings = load_settings()
    checks = list(examine(settings))
    if is_probing:
        checks += _probed(settings)
    if is_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = (f"{check.state:<7}", _STYLES[check.state])
            console.print(Text.assemble(mark, visible(f" {check.name}: {check.text}")))
    if any(check.state == "missing" for check in checks):
        sys.exit(1)


def examine(settings: Settings) -> Iterator[Check]:
    """Check Java, Spark and its defaults, Windows' tools, the folders, the store, the registry."""
    yield _checked("Java", _java_text)
    yield _checked("Spark", _spark_text)
    yield from _class_data(settings)
    for problem in missing_windows_tools(os.environ, platform=sys.platform):
        yield Check("Hadoop for Windows", "missing", problem)
    for problem in _tool_path_faults():
        yield Check("Folders", "missing", problem)
    for problem in folder_faults(settings):
        yield Check("Folders", "missing", problem)
    if fault := write_fault(settings.home):
        yield Check("Folders", "missing", fault)
    yield from _rights(settings)
    yield from _store(settings)
    yield from _spark_values(settings)
    yield from _registry(settings)


def _probed(settings: Settings) -> Iterator[Check]:
    """Ask the nodes of the clusters that jobs use."""
    try:
        for subject, state, text in node_checks(settings, load_location(settings).registry):
            yield Check(subject, state, text)
    except OrchError as error:
        yield Check("Nodes", "missing", str(error))


def _checked(name: str, describe: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", describe())
    except OrchError as error:
        return Check(name, "missing", str(error))


def _java_text() -> str:
    java = find_java(os.environ)
    return f"{java.version} at {java.home} (by {java.source})"


def _spark_text() -> str:
    spark = find_spark(os.environ)
    return f"{spark.version} at {spark.home} (by {spark.source})"


def _tool_path_faults() -> Iterator[str]:
    """Yield why Spark's scripts for Windows would not start from where Spark, Java, Python are."""
    if sys.platform != "win32":
        return
    used = [UsedPath("Python", sys.executable, is_in_blocks=True)]
    # The checks of Java and Spark name what can't be found.
    with suppress(OrchError):
        used.append(java_home_path(str(find_java(os.environ).home)))
    with suppress(OrchError):
        used.append(spark_home_path(str(find_spark(os.environ).home)))
    yield from path_faults(used)


def _class_data(settings: Settings) -> Iterator[Check]:
    try:
        found = class_data_of(settings)
    except (OrchError, OSError):
        # The checks of Java and of Spark name it.
        return
    state = "warning" if found.state == "stale" else "ok"
    yield Check("Class-data archive", state, found.text)


def _rights(settings: Settings) -> Iterator[Check]:
    if sys.platform == "win32":
        text = "not checked on Windows: give ORCH_HOME itself to the user of Dagster alone"
        yield Check("Rights", "ok", text)
        return
    folders = (settings.state_dir, settings.params_dir, settings.logs_dir)
    database = store_file(settings)
    problems = list(open_to_others(folders, [database] if database else []))
    for problem in problems:
        yield Check("Rights", "warning", problem)
    if not problems:
        yield Check(
            "Rights", "ok", ".orch/, params/, logs/ and the control store's file are private"
        )


def _store(settings: Settings) -> Iterator[Check]:
    try:
        with opened_store(settings) as store:
            if isinstance(store, KuduStore):
                for finding in diagnose(store):
                    yield Check("Control store", finding.state, finding.text)
            else:
                yield Check("Control store", "ok", _store_text(store))
                for table in TABLES:
                    if names := sorted(store.lacking_columns(table)):
                        yield Check(
                            "Control store",
                            "warning",
                            f"table {table.name} has no column {', '.join(names)}, which stays "
                            f"unknown; `orch init` adds it",
                        )
    except OrchError as error:
        yield Check("Control store", "missing", str(error))


def _store_text(store: ControlStore) -> str:
    store.ping()
    for table in TABLES:
        store.read(table, {table.keys[0]: ""})
    return f"{store.shown}, all five tables are there"


def _spark_values(settings: Settings) -> Iterator[Check]:
    """Name the value of each default of Spark, and the rows that replace it."""
    try:
        of_spark = read_spark_defaults(find_spark(os.environ), os.environ)
        with opened_store(settings) as store:
            rows = read_records(store, SysParam, {"environment": settings.env})
    except (OrchError, OSError):
        # The checks of Spark and of the store name it.
        return
    for default in SPARK_DEFAULTS:
        value, source = default.value, "the default of every run"
        if default.masters:
            source += f" with a master {default.masters_text}"
        if default.name in of_spark:
            value, source = of_spark[default.name], "spark-defaults.conf"
        text = f"{default.name} is {value}, {source}"
        own = sorted(
            f"{row.param_value} for {row.key_name}"
            for row in rows
            if row.param_key == default.name and row.param_type == "spark"
        )
        yield Check(
            "Spark default", "ok", f"{text}; by sys_params {', '.join(own)}" if own else text
        )


def _registry(settings: Settings) -> Iterator[Check]:
    try:
        location = load_location(settings)
    except OrchError as error:
        yield Check("Registry", "missing", str(error))
        return
    if location.notice:
        yield Check("Registry", "warning", location.notice)
    yield Check("Registry", "ok", f"valid jobs: {len(location.registry.jobs)}")
    # Imported late, as it loads Dagster, which alone can check a cron schedule.
    from orch_dagster.defs.schedule.definitions import schedule_findings

    findings = [*_set_aside(settings), *location.registry.findings, *schedule_findings(location)]
    clusters: list[CheckedPart] = []
    if location.notice is None:
        try:
            findings += [*_sys_param_findings(settings), *_window_findings(settings)]
            findings += _path_findings(settings, location.registry)
            clusters = list(cluster_checks(settings, location.registry.jobs.values()))
            clusters += short_jobs(settings, [*location.registry.jobs.values()])
            clusters += sharing_checks(settings, location.registry.jobs.values())
        except OrchError as error:
            yield Check("Registry", "missing", str(error))
    for subject, state, text in clusters:
        yield Check(subject, state, text)
    for finding in dict.fromkeys(findings):
        yield Check("Registry", "warning" if finding.is_warning else "missing", str(finding))


def _set_aside(settings: Settings) -> list[Finding]:
    """Return a finding for each row of the five tables that can't be used."""
    try:
        with opened_store(settings) as store:
            bad = [row for table in TABLES for row in store.bad_rows(table)]
    except OrchError:
        # The check of the store names it.
        return []
    return [set_aside_finding(row, {}) for row in bad]


def _window_findings(settings: Settings) -> list[Finding]:
    """Return a warning for each open date whose window is upside down."""
    with opened_store(settings) as store:
        rows = read_records(store, ProcessControl, columns=WINDOW)
    return [
        Finding(
            PROCESS_CONTROL.name,
            PROCESS_CONTROL.key_text(row.to_row()),
            f"{fault}; a run of a job that reads the window refuses the date",
            "",
            is_warning=True,
            place="start_dt",
        )
        for row in rows
        if (fault := window_fault(row.start_dt, row.end_dt))
    ]


def _path_findings(settings: Settings, registry: Registry) -> list[Finding]:
    """Return a finding for each job whose executors can't see its files."""
    with opened_store(settings) as store:
        rows = read_records(store, SysParam, {"environment": settings.env})
    found = unshared_jobs(registry.jobs.values(), rows, site_of(settings))
    return [each.finding() for each in found]


def _sys_param_findings(settings: Settings) -> list[Finding]:
    """Return the findings on the environment's sys_params, without values of schedules.

    An unknown key stops no run, so it is only a warning.
    """
    findings: list[Finding] = []
    with opened_store(settings) as store:
        rows = read_records(store, SysParam, {"environment": settings.env})
        names = key_names(store.read(JOB_MASTER))
    check = setting_check(settings)
    for row in rows:
        is_unknown = row.param_key not in SYSTEM_SETTINGS or row.param_type != PARAM_TYPE
        reason, is_warning = None, False
        if row.param_type == SECRET_TYPE:
            reason = secret_place_error(
                row.param_key, row.param_value or "", settings.referenced_files
            )
        elif is_unknown or not row.param_key.startswith("schedule."):
            fault = system_fault(row, check)
            is_of_spark = row.param_type == SPARK_TYPE
            reason = fault and fault.reason
            is_warning = fault.is_warning if fault and is_of_spark else is_unknown
        key = SYS_PARAMS.key_text(row.to_row())
        if reason:
            findings.append(Finding(SYS_PARAMS.name, key, reason, "", is_warning))
        if unused := key_name_fault(row.to_row(), names):
            findings.append(Finding(SYS_PARAMS.name, key, unused, "", is_warning=True))
    return findings
