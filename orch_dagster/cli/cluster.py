"""orch cluster: prepare a cluster for the jobs of a home."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from framework.contract.some_of import some_sorted
from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.cluster_uses import (
    ClusterUse,
    by_reach,
    cluster_uses,
    stored_params,
)
from orch_dagster.cli.groups import CommandGroup
from orch_dagster.cli.output import print_document, print_json, say
from orch_dagster.cli.setting_check import setting_check
from orch_dagster.control.connect import opened_store
from orch_dagster.control.sys_params import SPARK_TYPE
from orch_dagster.control.tables import SYS_PARAMS, Row
from orch_dagster.files import scratch_folder, write_atomically
from orch_dagster.registry.apply import plan_files
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.export import to_yaml
from orch_dagster.registry.write import write_plan
from orch_dagster.settings import Settings, load_settings
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.gateway_command import login_of
from orch_dagster.spark.yarn.spark_archive import (
    ARCHIVE,
    DEFAULT_FOLDER,
    PreparedArchive,
    SparkJars,
    prepare_archive,
)
from orch_dagster.toolchain.find import find_spark


@click.group(cls=CommandGroup)
def cluster() -> None:
    """Prepare a cluster for the jobs of this home."""


@cluster.command()
@click.option(
    "--folder",
    default=DEFAULT_FOLDER,
    show_default=True,
    help="The folder of archives on HDFS; a relative one is below your home folder there.",
)
@click.option("--apply", "is_applied", is_flag=True, help="Write the row of sys_params.")
@as_json
def prepare(folder: str, is_applied: bool, is_json: bool) -> None:
    """Upload the jars of Spark as one archive, so that no submit to YARN uploads them.

    The archive is named by the hash of the jars; one that is there is reused. The row of sys_params
    that has all jobs of the environment use it is printed as YAML for `orch apply -`.
    """
    settings = load_settings()
    uses = _on_yarn(settings)
    jars = SparkJars.of(find_spark(os.environ))
    size_mb = round(jars.size_bytes / 1e6)
    say(f"{len(jars.files)} jars of {jars.folder}, {size_mb} MB", err=True)
    gateway = YarnGateway.of(os.environ)
    try:
        groups = sorted(by_reach(uses), key=_has_login_and_count, reverse=True)
        properties = groups[0][0].properties if groups else {}
        client = YarnClient.of(gateway, properties)
        archive = prepare_archive(jars, client, folder, settings.state_dir / "work")
        _say_archive(archive)
        for each in groups[1:]:
            _warn_unless_seen(archive, each, YarnClient.of(gateway, each[0].properties))
    finally:
        gateway.close()
    row = _row(archive, settings)
    if is_applied:
        _apply(row, settings)
    if is_json:
        print_json({**asdict(archive), "is_applied": is_applied, "row": row})
    elif not is_applied:
        say(
            "`orch cluster prepare --apply` writes this row, or `orch apply` a file of it:",
            err=True,
        )
        print_document(to_yaml({SYS_PARAMS.name: [row]}))


def _has_login_and_count(jobs: list[ClusterUse]) -> tuple[bool, int]:
    return login_of(jobs[0].properties) is not None, len(jobs)


def _warn_unless_seen(archive: PreparedArchive, jobs: list[ClusterUse], client: YarnClient) -> None:
    """Warn if jobs do not see an archive that was uploaded with the login and cluster of others."""
    try:
        why = "" if client.matches(archive.url) else "it is not there"
    except YarnError as error:
        why = str(error)
    if why:
        login = login_of(jobs[0].properties)
        names = some_sorted({each.spec.job_name for each in jobs})
        who = f"{names}, as {login['principal']}," if login else names
        say(f"warning: {who} can't see {archive.url}: {why}; give --folder one that can", err=True)


def _on_yarn(settings: Settings) -> list[ClusterUse]:
    specs = loaded(settings).registry.jobs.values()
    return [
        each
        for each in cluster_uses(specs, stored_params(settings), site_of(settings))
        if each.is_on_yarn
    ]


def _say_archive(archive: PreparedArchive) -> None:
    say(f"{'Uploaded' if archive.is_new else 'There already:'} {archive.url}", err=True)
    if archive.older:
        say(
            f"Of other jars, to be removed once no application has them: "
            f"hdfs dfs -rm {' '.join(archive.older)}",
            err=True,
        )


def _apply(row: Row, settings: Settings) -> None:
    """Write the row, as `orch apply` writes it; name the jobs that have another archive still."""
    with scratch_folder(None, "orch-") as folder, opened_store(settings) as store:
        file = folder / "archive.yaml"
        write_atomically(file, to_yaml({SYS_PARAMS.name: [row]}))
        checked = plan_files([file], store, settings, setting_check(settings))
        write_plan(checked.plan, store)
    text = f"sys_params ({SYS_PARAMS.key_text(row)})"
    say(f"Unchanged: {text}" if checked.plan.is_empty else f"Wrote {text}", err=True)
    others = {
        each.spec.job_name
        for each in _on_yarn(settings)
        if each.properties.get(ARCHIVE) != row["param_value"]
    }
    if others:
        say(f"warning: {some_sorted(others)} have a row of their own for {ARCHIVE}", err=True)


def _row(archive: PreparedArchive, settings: Settings) -> Row:
    return {
        "param_key": ARCHIVE,
        "environment": settings.env,
        "key_name": "*",
        "param_value": archive.url,
        "param_type": SPARK_TYPE,
    }
