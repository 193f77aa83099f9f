"""Check the rows of the control tables, and what the jobs of the registry need."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from framework.contract.business_dates import WINDOW, window_fault
from framework.contract.secret_names import PARAM_TYPE as SECRET_TYPE
from framework.contract.spark_defaults import SPARK_DEFAULTS
from framework.contract.system_settings import PARAM_TYPE, SYSTEM_SETTINGS
from orch_dagster.bundle.secrets import missing_secret
from orch_dagster.cli.cluster_checks import cluster_checks
from orch_dagster.cli.cluster_uses import CheckedPart, stored_params
from orch_dagster.cli.deployment_checks import deployment_checks
from orch_dagster.cli.setting_check import setting_check
from orch_dagster.cli.sharing_checks import sharing_checks
from orch_dagster.cli.short_jobs import short_jobs
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import ProcessControl, SysParam, read_records
from orch_dagster.control.secret_rows import secret_place_error
from orch_dagster.control.sys_params import SPARK_TYPE, system_fault
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS, TABLES
from orch_dagster.errors import OrchError, SettingsError, StoreError
from orch_dagster.registry.cluster_paths import site_of, unshared_jobs
from orch_dagster.registry.jobs import Finding
from orch_dagster.registry.known_key_names import KnownKeyNames
from orch_dagster.registry.location import load_location
from orch_dagster.registry.secret_refs import secret_keys, secret_ref_findings
from orch_dagster.registry.set_aside import set_aside_finding
from orch_dagster.settings import Settings
from orch_dagster.toolchain.find import find_spark, read_spark_defaults


def registry_checks(settings: Settings) -> Iterator[CheckedPart]:
    """Yield what is found of the registry, its settings, and the clusters that its jobs use."""
    try:
        params = stored_params(settings)
    except StoreError:
        # The check of the store names it; the location has its last snapshot, or says why not.
        params = []
    yield from _spark_defaults(params)
    try:
        location = load_location(settings)
    except OrchError as error:
        yield "Registry", "missing", str(error)
        return
    if location.notice:
        yield "Registry", "warning", location.notice
    yield "Registry", "ok", f"valid jobs: {len(location.registry.jobs)}"
    # Imported late, as it loads Dagster, which alone can check a cron schedule.
    from orch_dagster.defs.schedule.definitions import by_biz_dt, schedule_findings

    try:
        by_biz_dt(location)
    except SettingsError as error:
        yield "Schedules", "missing", str(error)
    yield from _environment(settings)
    findings = [*_set_aside(settings), *location.registry.findings, *schedule_findings(location)]
    clusters: list[CheckedPart] = []
    if location.notice is None:
        try:
            specs = location.registry.jobs.values()
            findings += [*_sys_param_findings(settings, params), *_window_findings(settings)]
            findings += secret_ref_findings(specs, secret_keys(row.to_row() for row in params))
            findings += [each.finding() for each in unshared_jobs(specs, params, site_of(settings))]
            clusters = list(deployment_checks(settings, specs, params))
            clusters += cluster_checks(settings, specs, params)
            clusters += short_jobs(settings, specs, params)
            clusters += sharing_checks(settings, specs, params)
        except OrchError as error:
            yield "Registry", "missing", str(error)
    yield from clusters
    for finding in dict.fromkeys(findings):
        yield "Registry", "warning" if finding.is_warning else "missing", str(finding)


def _environment(settings: Settings) -> Iterator[CheckedPart]:
    """Yield a warning if ORCH_ENV is none of the environments of sys_params, and resembles one."""
    try:
        with opened_store(settings) as store:
            rows = store.read_stored(SYS_PARAMS, columns=["environment"]).rows
    except OrchError:
        # The check of the store names it.
        return
    known = {str(row["environment"]) for row in rows}
    env = settings.env.strip().lower()
    meant = sorted(name for name in known if name.strip().lower() == env)
    if meant and settings.env not in known:
        text = f"ORCH_ENV is {settings.env!r}, for which sys_params has no row"
        yield "Registry", "warning", f"{text}; did you mean {' or '.join(meant)}?"


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


def _sys_param_findings(settings: Settings, params: Iterable[SysParam]) -> list[Finding]:
    """Return the findings on the environment's sys_params, without values of schedules.

    An unknown key stops no run, so it is only a warning.
    """
    findings: list[Finding] = []
    with opened_store(settings) as store:
        known = KnownKeyNames(store.read(JOB_MASTER))
    check = setting_check(settings)
    for row in params:
        is_unknown = row.param_key not in SYSTEM_SETTINGS or row.param_type != PARAM_TYPE
        reason, is_warning = None, False
        if row.param_type == SECRET_TYPE:
            files, reference = settings.referenced_files, row.param_value or ""
            reason = secret_place_error(row.param_key, reference, files)
            if reason is None:
                # Not seen from here, it may be there for the processes of Dagster.
                reason, is_warning = missing_secret(reference, files, os.environ), True
        elif is_unknown or not row.param_key.startswith("schedule."):
            fault = system_fault(row, check)
            is_of_spark = row.param_type == SPARK_TYPE
            reason = fault and fault.reason
            is_warning = fault.is_warning if fault and is_of_spark else is_unknown
        key = SYS_PARAMS.key_text(row.to_row())
        if reason:
            findings.append(Finding(SYS_PARAMS.name, key, reason, "", is_warning))
        if unused := known.fault(row.to_row()):
            findings.append(Finding(SYS_PARAMS.name, key, unused, "", is_warning=True))
    return findings


def _spark_defaults(params: Iterable[SysParam]) -> Iterator[CheckedPart]:
    """Yield the value of each default of Spark, and the rows that replace it."""
    try:
        of_spark = read_spark_defaults(find_spark(os.environ), os.environ)
    except (OrchError, OSError):
        # The check of Spark names it.
        return
    by_key: dict[str, list[str]] = defaultdict(list)
    for row in params:
        if row.param_type == SPARK_TYPE:
            by_key[row.param_key].append(f"{row.param_value} for {row.key_name}")
    for default in SPARK_DEFAULTS:
        value, source = default.value, "the default of every run"
        if default.masters:
            source += f" with a master {default.masters_text}"
        if default.name in of_spark:
            value, source = of_spark[default.name], "spark-defaults.conf"
        text = f"{default.name} is {value}, {source}"
        if default.name in by_key:
            text += f"; by sys_params {', '.join(sorted(by_key[default.name]))}"
        yield "Spark default", "ok", text
