"""A data root to land in without a new process, shared by the tests of landing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework import landing, report
from framework.params_loader import parse_params
from framework.plan import plan_landing
from framework.report import LandingReport
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Home:
    """A data root and the session, to land in without a new process."""

    def __init__(self, root: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.spark = spark
        self.sent: list[dict[str, Any]] = []
        monkeypatch.setattr(report, "_send", self._take)
        monkeypatch.setenv("JOB_BASE_DIR", str(root))
        monkeypatch.setenv("JOB_SQL_DIR", str(root))

    def _take(self, message: report.Message) -> None:
        """What the orchestrator gets of a message."""
        self.sent.append(json.loads(json.dumps(message.to_json())))

    def source(self, text: str, biz_dt: str = DATE, *, encoding: str = "utf-8") -> None:
        (self.root / "in").mkdir(exist_ok=True)
        (self.root / "in" / f"{biz_dt}.csv").write_bytes(text.encode(encoding))

    def land(
        self,
        biz_dt: str = DATE,
        *,
        hql: str | None = None,
        keys: str | None = None,
        compare: str | None = None,
        system: dict[str, str] | None = None,
        **context: Any,
    ) -> LandingReport:
        if hql is not None:
            (self.root / "x.hql").write_text(hql, encoding="utf-8")
            context["hql"] = "x.hql"
        given = document(biz_dts=(biz_dt,), **context)
        given["process_control"][0] |= {"business_keys": keys, "compare_cols": compare}
        given["sys_params"] = [
            {"param_key": key, "param_value": value, "param_type": "system"}
            for key, value in (system or {}).items()
        ]
        params = parse_params(given, "p.json")
        plan = plan_landing(params, params.biz_dt, self.root.as_posix())
        return landing.land_date(self.spark, params, plan)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The messages of a kind, as the orchestrator gets them."""
        return [message for message in self.sent if message["kind"] == kind]

    def rows(
        self, path: str = "out/t", format: str = "orc", **options: str
    ) -> list[tuple[Any, ...]]:
        table = self.spark.read.format(format).options(**options).load(str(self.root / path))
        return sorted(tuple(str(v) for v in row) for row in table.collect())

    def leftovers(self, path: str = "out") -> list[str]:
        return [str(p) for p in (self.root / path).rglob("_landing*")]


def sink(format: str = "orc", path: str = "out/t", *cols: str, **more: Any) -> dict[str, Any]:
    return {"format": format, "path": path, "partition_cols": list(cols), **more}
