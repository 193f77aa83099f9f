"""Executors that see no disk of the driver's: the date keeps its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endurance.yarn.landings import Landing
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
