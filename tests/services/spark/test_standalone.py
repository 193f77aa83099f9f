"""A standalone worker that sees none of the data's folders, as one on another machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.samples import DATE, document
from tests.standalone_cluster import Standalone

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0,
        reason="a worker elsewhere needs Linux's namespaces, and root",
    ),
]

# One session for all cases, as each start takes seconds.
SCRIPT = """
import json, sys
from framework import landing
from framework.params_loader import parse_params
from framework.plan import plan_landing
from framework.session import get_spark

spark = get_spark()
for name, given in json.load(open(sys.argv[1])).items():
    params = parse_params(given, "p.json")
    plan = plan_landing(params, params.biz_dt, sys.argv[2])
    try:
        landed = landing.land_date(spark, params, plan)
        print("RESULT", json.dumps([name, "landed", landed.row_count]), flush=True)
    except Exception as error:
        print("RESULT", json.dumps([name, type(error).__name__, str(error)]), flush=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / f"{DATE}.csv").write_text("id,n\n1,a\n2,b\n")
    for number in range(40):
        (tmp_path / "hidden" / "parts" / f"k={number}").mkdir(parents=True)
        (tmp_path / "hidden" / "parts" / f"k={number}" / "x.csv").write_text("id\n1\n")
    (tmp_path / "hidden" / f"{DATE}.csv").write_text("id,n\n1,a\n")
    (tmp_path / "out" / "t" / f"biz_dt={DATE}").mkdir(parents=True)
    (tmp_path / "out" / "t" / f"biz_dt={DATE}" / "part-0").write_text("old")
    return tmp_path


@pytest.fixture
def standalone(root: Path) -> Iterator[Standalone]:
    with Standalone(root, [root / "hidden", root / "out"]) as cluster:
        yield cluster


def case(path: str, **more: Any) -> dict[str, Any]:
    source = {"format": "csv", "path": path, "options": {"header": True}, **more}
    return document(sources=[source], allow_empty=True)


@pytest.mark.timeout(400)
def test_what_a_worker_elsewhere_wrote_or_did_not_find_keeps_the_old_date(
    root: Path, standalone: Standalone
) -> None:
    seen, hidden = "seen/{biz_dt}.csv", "hidden/{biz_dt}.csv"
    cases = {
        # Other formats, and without allow_empty: tests/spark/framework/read/test_seen_files.py.
        "sink": case(seen),
        "source": case(hidden, schema="id INT, n STRING"),
        # Above 32 folders Spark has executors list them, which find none.
        "folders": case("hidden/parts", schema="id INT, k INT"),
    }
    (root / "cases.json").write_text(json.dumps(cases))
    (root / "job.py").write_text(SCRIPT)
    found = standalone.submit(root / "job.py", str(root / "cases.json"), str(root))
    assert [each[:2] for each in found] == [[name, "SharedPathError"] for name in cases]
    texts = {name: text for name, _, text in found}
    master = f"spark://{standalone.address}"
    assert f"the executors of {master} wrote 1 files with 2 rows" in texts["sink"]
    assert "of which the driver sees 0 files, so the path must be shared" in texts["sink"]
    assert "allow_empty" not in texts["sink"]
    for name in ("source", "folders"):
        assert "does not find the file, which the driver sees" in texts[name]
    (old,) = (root / "out" / "t" / f"biz_dt={DATE}").iterdir()
    assert old.read_text() == "old"
    assert list((root / "out").rglob("_landing*")) == []
