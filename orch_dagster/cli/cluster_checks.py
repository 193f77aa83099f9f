"""Check what the clusters of a home's jobs need: their configuration, and who answers there."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from framework.contract.paths import as_location, resolve
from framework.contract.shared_paths import standalone_addresses
from framework.contract.some_of import some_sorted
from orch_dagster.bundle.bundle import winning_params
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import SysParam, read_records
from orch_dagster.control.sys_params import MASTER, SPARK_TYPE
from orch_dagster.registry.cluster_paths import Site, site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.toolchain.hadoop_conf import (
    YARN_FILES,
    answering,
    conf_folders,
    name_nodes,
    read_conf,
    resource_managers,
)

State = Literal["ok", "warning", "missing"]
CheckedPart = tuple[str, State, str]
"""The subject, the state and the finding."""

_QUEUE = "spark.yarn.queue"
_ARCHIVES = ("spark.yarn.archive", "spark.yarn.jars")
_WITHIN_S = 5.0


@dataclass(frozen=True)
class _Use:
    """A job with its Spark properties."""

    spec: JobSpec
    properties: Mapping[str, str]

    @property
    def master(self) -> str:
        return self.properties.get(MASTER, "").strip()


def cluster_checks(
    settings: Settings, specs: Iterable[JobSpec], environ: Mapping[str, str] = os.environ
) -> Iterator[CheckedPart]:
    """Yield what is found of the clusters that jobs name; nothing if all run on this machine.

    Raises:
        StoreError: If the store can't be read.
    """
    site = site_of(settings, environ)
    uses = list(_uses(settings, specs, site))
    standalone = {each.master for each in uses if each.master.startswith("spark://")}
    for master in sorted(standalone):
        yield _answers("Spark master", master, standalone_addresses(master), "start it, or correct")
    on_yarn = [each for each in uses if each.master == "yarn"]
    places = {url for each in uses for url in _urls(each.spec, settings.base_dir)}
    if not on_yarn and not any(url.startswith("hdfs://") for url in places):
        return
    folders = conf_folders(environ)
    try:
        conf = read_conf(folders)
    except (OSError, ValueError) as error:
        yield "Hadoop", "missing", f"{error}: correct the file"
        return
    conf = conf | _hadoop_properties(uses)
    if on_yarn:
        names = {each.spec.job_name for each in on_yarn}
        lacking = [
            name for name in YARN_FILES if not any((each / name).is_file() for each in folders)
        ]
        yield _folders_found([str(each) for each in folders], lacking, names)
    for url in sorted({_authority(each) for each in places if each.startswith("hdfs://")}):
        remedy = "start it, or correct the URL or HADOOP_CONF_DIR"
        yield _answers("HDFS", url, name_nodes(url, conf), remedy)
    if on_yarn:
        yield from _yarn(on_yarn, conf)


def _uses(settings: Settings, specs: Iterable[JobSpec], site: Site) -> Iterator[_Use]:
    with opened_store(settings) as store:
        rows = read_records(store, SysParam, {"environment": settings.env})
    of_spark = [row for row in rows if row.param_type == SPARK_TYPE]
    for spec in specs:
        own = [row for row in of_spark if row.key_name in spec.key_names]
        won = {row.param_key: row.param_value or "" for row in winning_params(spec.key_names, own)}
        yield _Use(spec, {**site.spark_defaults, **won})


def _urls(spec: JobSpec, base_dir: str) -> Iterator[str]:
    base = as_location(base_dir)
    for part in (*spec.context.sources, *spec.context.sinks):
        if not part.is_table:
            yield resolve(base, part.path)


def _authority(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _hadoop_properties(uses: Sequence[_Use]) -> dict[str, str]:
    """Return the properties of Hadoop that jobs set themselves."""
    return {
        name.removeprefix("spark.hadoop."): value
        for each in uses
        for name, value in each.properties.items()
        if name.startswith("spark.hadoop.")
    }


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


def _yarn(uses: Sequence[_Use], conf: Mapping[str, str]) -> Iterator[CheckedPart]:
    managers = resource_managers(conf)
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
    uploading = {
        each.spec.job_name for each in uses if not any(map(each.properties.get, _ARCHIVES))
    }
    if uploading:
        yield (
            "YARN",
            "warning",
            f"neither {' nor '.join(_ARCHIVES)} is set for {some_sorted(uploading)}, so that each "
            "submit uploads all of Spark: put its jars into an archive on HDFS, and name it by the "
            "sys_param spark.yarn.archive of param_type spark",
        )
    yield (
        "YARN",
        "ok",
        "not checked: the login by Kerberos, and the Python of the nodes (spark.pyspark.python)",
    )


def _queues(queues: set[str], conf: Mapping[str, str]) -> Iterator[CheckedPart]:
    """Yield whether the resource manager knows the queues, if it says so without a login."""
    why = "no address of its web pages is known"
    for address in resource_managers(conf, "webapp.address"):
        try:
            known = set(_queue_names(_asked(f"http://{address}/ws/v1/cluster/scheduler")))
        except (OSError, ValueError) as error:
            why = str(error)
            continue
        for queue in sorted(queues):
            # A queue is named by its path or by its last part.
            if queue in known or f"root.{queue}" in known:
                yield "YARN", "ok", f"the queue {queue} is there"
            else:
                text = f"no queue {queue}: {_QUEUE} may be {some_sorted(known)}"
                yield "YARN", "missing", text
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


def _queue_names(value: Any) -> Iterator[str]:
    """Yield every queue's name and path in the scheduler's answer, of whatever kind it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("queueName", "queuePath") and isinstance(inner, str):
                yield inner
            else:
                yield from _queue_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _queue_names(inner)
