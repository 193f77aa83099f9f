"""Executors that see no disk of the driver's, or are too big for YARN: the date keeps its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endurance.yarn.conftest import MEMORY_MB
from tests.endurance.yarn.landings import Landing, Mode
from tests.homes import BIZ_DT

pytestmark = [pytest.mark.yarn, pytest.mark.spark, pytest.mark.alone, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("allow_empty", [False, True])
def test_what_they_wrote_on_the_disk_of_their_node_lands_nowhere(
    landing: Landing, tmp_path: Path, *, allow_empty: bool
) -> None:
    """The setting that passes local paths is wrong, so that only the rows tell."""
    table = tmp_path / "t"
    old = table / f"biz_dt={BIZ_DT}" / "part-0"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    sink = {"format": "orc", "path": table.as_uri(), "partition_cols": ["biz_dt"]}
    landing.use("client", sinks=[sink], allow_empty=allow_empty)
    landing.write()
    landing.start()
    row = landing.end()
    assert row["status"].startswith("Failed: SharedPathError: ")
    observed = "the executors of yarn wrote 1 files with 2 rows, of which the driver sees 0 files"
    assert f"t: {observed}, so the path must be shared by all nodes" in row["status"]
    assert "allow_empty" not in row["status"] + str(row["error_message"])
    assert row["row_count"] is None
    assert [path for path in table.rglob("*") if path.is_file()] == [old]
    assert old.read_text() == "old"
    landing.assert_not_landed()


@pytest.mark.parametrize("mode", ["cluster", "client"])
def test_a_table_on_the_disks_of_their_nodes_is_refused_before_it_is_made(
    landing: Landing, mode: Mode
) -> None:
    """The driver would read it as empty, so that the join would land nulls."""
    landing.add_hql(
        "table.hql",
        "CREATE TABLE kept USING orc AS SELECT id FROM row1;\n"
        "SELECT row1.id, kept.id AS kept FROM row1 LEFT JOIN kept ON row1.id = kept.id;\n",
    )
    landing.use(mode, None, {"paths.shared": ""}, hql="table.hql")
    landing.write()
    landing.start()
    row = landing.end()
    assert "table.hql:1 writes rows there, which the executors of yarn would" in row["status"]
    assert row["row_count"] is None
    landing.assert_not_landed()


@pytest.mark.parametrize("mode", ["cluster", "client"])
def test_one_above_the_maximum_of_yarn_fails_at_once(landing: Landing, mode: Mode) -> None:
    """Without an application, and without another attempt."""
    too_much = {"spark.executor.memory": f"{MEMORY_MB}m"}
    landing.use(mode, too_much, {"retry.max": "2", "retry.delay": "5"})
    landing.write()
    landing.start()
    row = landing.end()
    status = row["status"].removeprefix("Failed: ").removeprefix("exit code 1: ")
    assert status.startswith(
        f"an executor asks for more memory than the {MEMORY_MB} MB that YARN gives a container: "
        "lower spark.executor.memory, or its overhead: IllegalArgumentException: "
    )
    assert "'yarn.scheduler.maximum-allocation-mb'" in status
    assert (row["spark_app_id"], row["attempts"]) == (None, 1)
    assert row["duration"] < 60
    landing.assert_not_landed()


@pytest.mark.parametrize("mode", ["cluster", "client"])
def test_one_of_more_cores_than_the_maximum_fails_soon(landing: Landing, mode: Mode) -> None:
    """YARN says so to an application that runs; its driver sees but that its session is gone."""
    landing.use(mode, {"spark.executor.cores": "99"}, {"retry.max": "2", "retry.delay": "5"})
    landing.write()
    landing.start()
    row = landing.end()
    assert row["status"] == (
        f"Failed: {row['spark_app_id']} failed: an executor asks for more cores than the 4 that "
        "YARN gives a container: lower spark.executor.cores"
    )
    assert row["attempts"] == 1
    landing.assert_not_landed()
