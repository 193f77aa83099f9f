"""Check that the jobs on YARN name Spark's jars on its file system, and that they are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from framework.contract.comma_list import comma_names
from framework.contract.some_of import some_sorted
from orch_dagster.cli.cluster_uses import CheckedPart, ClusterUse, by_reach
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.spark_archive import ARCHIVE, JARS, SparkJars, archived_spark, jars_of
from orch_dagster.toolchain.find import find_spark

_PREPARE = "`orch cluster prepare --apply` uploads them and names them"


def uploads(uses: Sequence[ClusterUse], environ: Mapping[str, str]) -> Iterator[CheckedPart]:
    """Yield which jobs upload all of Spark with each submit.

    Raises:
        SparkError: If Spark is missing.
    """
    uploading = {each.spec.job_name for each in uses if each.jars is None}
    if not uploading:
        return
    files = jars_of(find_spark(environ))
    size_mb = round(sum(file.stat().st_size for file in files) / 1e6)
    yield (
        "YARN",
        "warning",
        f"neither {ARCHIVE} nor {JARS} is set for {some_sorted(uploading)}, so that each submit "
        f"uploads {size_mb} MB, all of Spark's jars: {_PREPARE}",
    )


def archives(
    uses: Sequence[ClusterUse], environ: Mapping[str, str], gateway: YarnGateway
) -> Iterator[CheckedPart]:
    """Yield whether the archives and jars that jobs name are there; ask Hadoop's file system.

    Raises:
        SparkError: If Spark is missing.
    """
    named = _named(uses)
    asked = [key for key in named if any(map(_is_remote, comma_names(key[1])))]
    for key in sorted(named.keys() - asked):
        yield from _of_this_machine(*key, named[key])
    found: list[CheckedPart] = []
    # Each as whoever submits the job, who may see what others may not.
    for group in by_reach(uses):
        client = YarnClient.of(gateway, group[0].properties)
        of_group = _named(group)
        found += [_on_cluster(*key, of_group[key], client) for key in asked if key in of_group]
    yield from sorted(set(found))
    yield from _of_another_spark(named, environ)


def _named(uses: Sequence[ClusterUse]) -> dict[tuple[str, str], set[str]]:
    """Return the names of the jobs by the property and the value that name their jars."""
    named: dict[tuple[str, str], set[str]] = defaultdict(set)
    for use in uses:
        if use.jars is not None:
            named[use.jars].add(use.spec.job_name)
    return named


def _is_remote(path: str) -> bool:
    scheme, found, _ = path.partition(":")
    return bool(found) and scheme not in ("file", "local") and len(scheme) > 1


def _of_this_machine(name: str, value: str, jobs: set[str]) -> Iterator[CheckedPart]:
    """Yield a warning on files that each submit uploads; `local:` is the node's own."""
    if name == JARS and all(each.startswith("local:") for each in comma_names(value)):
        return
    if value.startswith("local:"):
        text = f"{name} can't be on the nodes themselves, as {value} of {some_sorted(jobs)} is"
        yield "YARN", "missing", f"{text}: {_PREPARE}"
        return
    yield (
        "YARN",
        "warning",
        f"{name} of {some_sorted(jobs)} is {value}, of this machine, so that each submit uploads "
        f"it: {_PREPARE}",
    )


def _on_cluster(name: str, value: str, jobs: set[str], client: YarnClient) -> CheckedPart:
    remote = [each for each in comma_names(value) if _is_remote(each)]
    try:
        gone = [each for each in remote if not client.matches(each)]
    except YarnError as error:
        text = f"whether {name} {value} of {some_sorted(jobs)} is there is unknown: {error}"
        return "YARN", "warning", text
    if gone:
        text = f"{name} of {some_sorted(jobs)} names {', '.join(gone)}, which is not there"
        return "YARN", "missing", f"{text}, so no submit starts: {_PREPARE}"
    return "YARN", "ok", f"{name} is there: {value}"


def _of_another_spark(
    named: Mapping[tuple[str, str], set[str]], environ: Mapping[str, str]
) -> Iterator[CheckedPart]:
    """Yield the archives of `orch cluster prepare` that hold the jars of another Spark."""
    ours = [value for name, value in named if name == ARCHIVE and archived_spark(value)]
    if not ours:
        return
    wanted = SparkJars.of(find_spark(environ)).name
    for value in sorted(ours):
        if value.rpartition("/")[2] != wanted:
            jobs = some_sorted(named[ARCHIVE, value])
            text = f"{ARCHIVE} of {jobs} holds other jars than this machine's Spark: {value}"
            yield "YARN", "warning", f"{text}; {_PREPARE}"
