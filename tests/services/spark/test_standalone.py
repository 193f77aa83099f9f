"""A standalone worker that sees none of the data's folders, as one on another machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.settings import REPOSITORY
from orch_dagster.spark import supervisor
from orch_dagster.toolchain.find import find_java, find_spark
from orch_dagster.toolchain.hadoop_conf import answering
from tests.samples import DATE, document
from tests.waiting import wait_until

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


class Standalone:
    """A master and a worker, for which some folders are empty."""

    def __init__(self, folder: Path, hide: list[Path]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.folder, self.hide = folder, hide
        self.spark, self.java = find_spark(os.environ).home, find_java(os.environ).home
        self.environ = {
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": str(self.java),
            "SPARK_HOME": str(self.spark), "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_MEMORY": "256m",
        }  # fmt: skip
        self._opened = ExitStack()

    def __enter__(self) -> Standalone:
        master = ["Master", "--host", "127.0.0.1", "--port", self.address[10:], "--webui-port", "0"]
        worker = [
            "Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g",
            "--work-dir", str(self.folder / "work"), f"spark://{self.address}",
        ]  # fmt: skip
        self._start("org.apache.spark.deploy.master", master, [])
        wait_until(lambda: answering([self.address])[self.address] is None, "a master", 60)
        mounts = "; ".join(f"mount -t tmpfs none '{path}'" for path in self.hide)
        apart = ["unshare", "-m", "--propagation", "private", "sh", "-ec", f'{mounts}; exec "$@"']
        self._start("org.apache.spark.deploy.worker", worker, [*apart, "sh"])
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _start(self, package: str, words: list[str], before: list[str]) -> None:
        main, *rest = words
        command = [*before, str(self.spark / "bin" / "spark-class"), f"{package}.{main}", *rest]
        log = self._opened.enter_context((self.folder / f"{main}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, "--grace", "5", "--", *command],
            stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.environ,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        # The supervisor ends all that it started when its pipe closes.
        self._opened.callback(process.wait, 30)
        self._opened.callback(process.stdin.close)

    def submit(self, script: Path, *arguments: str) -> list[list[Any]]:
        done = subprocess.run(
            [
                str(self.spark / "bin" / "spark-submit"), "--master", f"spark://{self.address}",
                "--conf", "spark.ui.enabled=false", "--conf", "spark.executor.memory=512m",
                "--conf", "spark.driver.memory=512m", "--conf", "spark.task.maxFailures=1",
                str(script), *arguments,
            ],
            env={**self.environ, "PYTHONPATH": str(REPOSITORY / "jobs")}, cwd=self.folder,
            capture_output=True, text=True, timeout=330, check=False,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        found = [json.loads(line[7:]) for line in lines if line.startswith("RESULT ")]
        assert done.returncode == 0, done.stderr[-3000:]
        return found


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
