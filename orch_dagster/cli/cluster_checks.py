"""Check what the clusters of a home's jobs need: their configuration, and who answers there."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from framework.contract.paths import as_location, resolve
from framework.contract.shared_paths import standalone_addresses
from framework.contract.some_of import some_sorted
from orch_dagster.cli.archive_checks import archives, uploads
from orch_dagster.cli.cluster_uses import CheckedPart, ClusterUse, by_reach, cluster_uses
from orch_dagster.cli.login_checks import logins
from orch_dagster.control.records import SysParam
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnGateway, hadoop_properties
from orch_dagster.spark.yarn.gateway_command import STAGING, login_of
from orch_dagster.toolchain.hadoop_conf import (
    YARN_FILES,
    answering,
    conf_folders,
    name_nodes,
    read_conf,
    resource_managers,
)

_QUEUE = "spark.yarn.queue"
_WITHIN_S = 5.0
_LOGIN = "the login by Kerberos, and "
_NOT_CHECKED = (
    "not checked: {login}the Python of the nodes (spark.pyspark.python): `orch doctor --probe` "
    "asks by a small application"
)

GatewayOf = Callable[[Mapping[str, str]], YarnGateway]
"""Returns a gateway to the cluster that an environment names."""


def cluster_checks(
    settings: Settings,
    specs: Iterable[JobSpec],
    params: Iterable[SysParam],
    environ: Mapping[str, str] = os.environ,
    gateway_of: GatewayOf = YarnGateway.of,
) -> Iterator[CheckedPart]:
    """Yield what is found of the clusters that jobs name; nothing if all run on this machine.

    Args:
        settings: The settings.
        specs: The jobs.
        params: The sys_params of the environment.
        environ: The environment of Dagster's processes.
        gateway_of: Returns a gateway to the cluster.
    """
    site = site_of(settings, environ)
    uses = list(cluster_uses(specs, params, site))
    standalone = {each.master for each in uses if each.master.startswith("spark://")}
    for master in sorted(standalone):
        yield _answers("Spark master", master, standalone_addresses(master), "start it, or correct")
    on_yarn = [each for each in uses if each.is_on_yarn]
    if not on_yarn and not any(_on_hdfs(each.spec, settings.base_dir) for each in uses):
        return
    folders = conf_folders(environ)
    try:
        conf = read_conf(folders)
    except (OSError, ValueError) as error:
        yield "Hadoop", "missing", f"{error}: correct the file"
        return
    if on_yarn:
        names = {each.spec.job_name for each in on_yarn}
        lacking = [
            name for name in YARN_FILES if not any((each / name).is_file() for each in folders)
        ]
        yield _folders_found([str(each) for each in folders], lacking, names)
    nodes = {
        (url, tuple(name_nodes(url, of_jobs)))
        for jobs, of_jobs in _with_conf(uses, conf)
        for each in jobs
        for url in _on_hdfs(each.spec, settings.base_dir) | _of_submit(each, of_jobs)
    }
    for url, addresses in sorted(nodes):
        remedy = "start it, or correct the URL or HADOOP_CONF_DIR"
        yield _answers("HDFS", url, addresses, remedy)
    if on_yarn:
        parts = [*_yarn(on_yarn, conf), *uploads(on_yarn, environ)]
        yield from parts
        if all(state != "missing" for _, state, _ in parts):
            yield from _asked_by_gateway(on_yarn, conf, environ, gateway_of)
        has_logins = all(login_of(each.properties) for each in on_yarn)
        yield "YARN", "ok", _NOT_CHECKED.format(login="" if has_logins else _LOGIN)


def _asked_by_gateway(
    uses: Sequence[ClusterUse],
    conf: Mapping[str, str],
    environ: Mapping[str, str],
    gateway_of: GatewayOf,
) -> Iterator[CheckedPart]:
    """Yield what the gateway finds, if jobs have logins or name jars; it starts if it is asked."""
    if any(login_of(each.properties) or each.jars for each in uses):
        with closing(gateway_of(environ)) as gateway:
            yield from logins(uses, conf, gateway)
            yield from archives(uses, environ, gateway)


def _with_conf(
    uses: Iterable[ClusterUse], conf: Mapping[str, str]
) -> Iterator[tuple[list[ClusterUse], dict[str, str]]]:
    """Yield the jobs that reach Hadoop in the same way, with its configuration as they have it."""
    for jobs in by_reach(uses):
        yield jobs, {**conf, **hadoop_properties(jobs[0].properties)}


def _on_hdfs(spec: JobSpec, base_dir: str) -> set[str]:
    """Return the file systems on HDFS of a job's paths, as URLs without a path."""
    base = as_location(base_dir)
    parts = (*spec.context.sources, *spec.context.sinks)
    return set(_hdfs_of(resolve(base, part.path) for part in parts if not part.is_table))


def _of_submit(use: ClusterUse, conf: Mapping[str, str]) -> set[str]:
    """Return the file system on HDFS by which a submit to YARN hands over files, also of tables."""
    staging = use.properties.get(STAGING, "").strip()
    path = staging if "://" in staging else conf.get("fs.defaultFS", "")
    return set(_hdfs_of([path])) if use.is_on_yarn else set()


def _hdfs_of(paths: Iterable[str]) -> Iterator[str]:
    """Yield the file system of each path on HDFS, as a URL without a path."""
    return ("/".join(path.split("/", 3)[:3]) for path in paths if path.startswith("hdfs://"))


def _folders_found(folders: list[str], lacking: list[str], jobs: set[str]) -> CheckedPart:
    where = ", ".join(folders)
    if not folders:
        text = (
            f"HADOOP_CONF_DIR is not set, and {some_sorted(jobs)} run on YARN: set it, for "
            f"Dagster's processes too, to the folder of {' and '.join(YARN_FILES)}"
        )
        return "Hadoop", "missing", text
    if lacking:
        return "Hadoop", "missing", f"{where} has no {' and no '.join(lacking)}: put it there"
    return "Hadoop", "ok", f"{' and '.join(YARN_FILES)} are in {where}"


def _answers(subject: str, name: str, addresses: Sequence[str], remedy: str) -> CheckedPart:
    """Return whether one of some addresses answers; those in standby answer too."""
    asked = answering(addresses)
    silent = [f"{address} ({why})" for address, why in asked.items() if why]
    heard = [address for address, why in asked.items() if not why]
    if not asked:
        return subject, "warning", f"the address of {name} is not known here"
    if not heard:
        return subject, "missing", f"{name} does not answer: {', '.join(silent)}; {remedy} {name}"
    rest = f"; not {', '.join(silent)}" if silent else ""
    return subject, "ok", f"{name} answers at {', '.join(heard)}{rest}"


def _yarn(uses: Sequence[ClusterUse], conf: Mapping[str, str]) -> Iterator[CheckedPart]:
    """Yield what is found of each resource manager that jobs have, and of their queues there."""
    clusters: dict[tuple[str, ...], tuple[list[ClusterUse], Mapping[str, str]]] = {}
    for jobs, of_jobs in _with_conf(uses, conf):
        managers = tuple(resource_managers(of_jobs))
        clusters.setdefault(managers, ([], of_jobs))[0].extend(jobs)
    for managers, (jobs, of_jobs) in clusters.items():
        yield from _cluster(jobs, managers, of_jobs)


def _cluster(
    uses: Sequence[ClusterUse], managers: Sequence[str], conf: Mapping[str, str]
) -> Iterator[CheckedPart]:
    if not managers:
        yield "YARN", "missing", "yarn-site.xml names no yarn.resourcemanager.hostname or address"
        return
    found = _answers(
        "YARN", "the resource manager", managers, "start it, or correct the address of"
    )
    yield found
    queues = {name for each in uses if (name := each.properties.get(_QUEUE))}
    if queues and found[1] == "ok":
        yield from _queues(queues, conf)


def _queues(queues: set[str], conf: Mapping[str, str]) -> Iterator[CheckedPart]:
    """Yield whether the resource manager knows the queues, if it says so without a login."""
    why = "no address of its web pages is known"
    for address in resource_managers(conf, "webapp.address"):
        try:
            known = dict(_known_queues(_asked(f"http://{address}/ws/v1/cluster/scheduler")))
        except (OSError, ValueError) as error:
            why = str(error)
            continue
        for queue in sorted(queues):
            # A queue is named by its path or by its last part.
            name = queue if queue in known else f"root.{queue}"
            usable = some_sorted({each for each, fault in known.items() if not fault})
            if name not in known:
                yield "YARN", "missing", f"no queue {queue}: {_QUEUE} may be {usable}"
            elif fault := known[name]:
                text = f"the queue {queue} takes no application, as it {fault}"
                yield "YARN", "missing", f"{text}: have that changed; {_QUEUE} may be {usable}"
            else:
                yield "YARN", "ok", f"the queue {queue} is there"
        return
    yield "YARN", "warning", f"whether the queue {some_sorted(queues)} is there is unknown: {why}"


def _asked(url: str) -> Any:
    # Not by a proxy of the environment, as the cluster is near.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    try:
        with opener.open(request, timeout=_WITHIN_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url} answers {error.code}") from error


def _known_queues(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each queue in the scheduler's answer, of whatever kind it is.

    With each goes why the queue takes no application, '' if it does.
    """
    if isinstance(value, dict):
        fault = _queue_fault(value)
        for key in ("queueName", "queuePath"):
            if isinstance(name := value.get(key), str):
                yield name, fault
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _known_queues(inner)


def _queue_fault(queue: Mapping[str, Any]) -> str:
    state = str(queue.get("state") or "RUNNING")
    if state != "RUNNING":
        return f"is {state}"
    below = queue.get("queues") or queue.get("childQueues")
    has_queues = isinstance(below, dict) and bool(below.get("queue"))
    return "has queues of its own" if has_queues else ""
