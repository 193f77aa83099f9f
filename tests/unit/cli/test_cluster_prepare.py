"""Whom `orch cluster prepare` tells of, that its archive is not for."""

from __future__ import annotations

from typing import cast

import pytest

from orch_dagster.cli.cluster import _has_login_and_count, _warn_unless_seen
from orch_dagster.cli.cluster_uses import ClusterUse, by_reach
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.spark_archive import PreparedArchive
from tests.bundles import job_bundle

ARCHIVE = PreparedArchive("hdfs://ns/user/etl/s.zip", is_new=True)
LOGIN = {"spark.kerberos.principal": "dwh@R", "spark.kerberos.keytab": "/k"}
ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
SPEC = job_bundle({"sources": [{"format": "kudu", "path": "t"}], "sinks": [ORC]}, []).spec


class Files:
    """Stands for Hadoop's file system, as some job sees it."""

    def __init__(self, answer: int | YarnError) -> None:
        self._answer = answer

    def matches(self, pattern: str) -> int:
        assert pattern == ARCHIVE.url
        if isinstance(self._answer, YarnError):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "properties", "said"),
    [
        (1, LOGIN, ""),
        (YarnError("AccessControlException: denied"), LOGIN,
         f"warning: {SPEC.job_name}, as dwh@R, can't see hdfs://ns/user/etl/s.zip: "
         "AccessControlException: denied; give --folder one that can\n"),
        (0, {}, f"warning: {SPEC.job_name} can't see hdfs://ns/user/etl/s.zip: it is not there; "
         "give --folder one that can\n"),
    ],
)  # fmt: skip
def test_jobs_that_can_not_see_the_archive_of_others_are_named(
    capsys: pytest.CaptureFixture[str],
    answer: int | YarnError,
    properties: dict[str, str],
    said: str,
) -> None:
    """It was uploaded by the first login, and none of the others was asked."""
    _warn_unless_seen(ARCHIVE, [ClusterUse(SPEC, properties)], cast(YarnClient, Files(answer)))
    assert " ".join(capsys.readouterr().err.split()) == said.strip()


def test_the_archive_is_uploaded_by_a_login_before_all_others() -> None:
    uses = [ClusterUse(SPEC, each) for each in ({}, {}, LOGIN, {"spark.executor.memory": "1g"})]
    groups = by_reach(uses)
    assert [len(each) for each in groups] == [3, 1]
    assert max(groups, key=_has_login_and_count) == [uses[2]]
