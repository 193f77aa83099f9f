"""The tag by which a job's applications are found: of all that may land the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orch_dagster.settings import Settings
from orch_dagster.spark.job_submit import job_tag_of
from tests.begun_steps import spec

POSTGRES = "postgresql+psycopg://etl:{}@db:5432/orch"
TABLE = {"format": "kudu", "path": "claims"}


def sink(path: str) -> dict[str, Any]:
    return {"format": "orc", "path": path, "partition_cols": ["biz_dt"]}


RELATIVE, ON_HDFS, NAMED = sink("out/t"), sink("hdfs://nn/out/t"), sink("/out/t")


def tag(home: Path, url: str, *sinks: dict[str, Any], data_root: str = "") -> str:
    settings = Settings(home=home, control_url=url, data_root=data_root)  # pyright: ignore[reportCallIssue]
    return job_tag_of(spec(sinks=[*sinks]), settings)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (POSTGRES.format("old"), POSTGRES.format("n%40w")),
        (POSTGRES.format("old"), "postgresql://other@DB/orch?sslmode=require"),
        ("postgresql://orch@db", "postgresql://other@db/orch"),
        ("postgresql://one@/?service=orch", "postgresql://other@/?service=orch"),
        ("kudu://m1:7051,m2?driver=native", "kudu://m2,m1?driver=jvm&timeout_s=30"),
    ],
)
def test_an_application_is_found_after_its_store_has_another_login(
    tmp_path: Path, before: str, after: str
) -> None:
    assert tag(tmp_path, before, RELATIVE) == tag(tmp_path, after, RELATIVE)


@pytest.mark.parametrize(
    ("sinks", "roots"),
    [
        ([ON_HDFS, TABLE], ("", "")),
        ([RELATIVE], ("hdfs://nn/data", "hdfs://nn/data/")),
        ([NAMED], ("hdfs://nn/data", "hdfs://nn/other")),
        ([NAMED], ("", "")),
    ],
)
def test_the_orchestrators_of_one_store_find_what_each_other_lands(
    tmp_path: Path, sinks: list[dict[str, Any]], roots: tuple[str, str]
) -> None:
    """Whatever their homes are, on whatever host: else the later one replaces what one lands."""
    one, other = (
        tag(tmp_path / name, "kudu://m1", *sinks, data_root=root)
        for name, root in zip(("one", "other"), roots, strict=True)
    )
    assert one == other


@pytest.mark.parametrize(
    ("urls", "sinks", "roots"),
    [
        (("sqlite:///.orch/control.db", "sqlite:///.orch/control.db"), [ON_HDFS], ("", "")),
        (("kudu://m1", "kudu://m2"), [TABLE], ("", "")),
        (("postgresql://a@h/b", "postgresql://a@h/c"), [TABLE], ("", "")),
        # Of which each means the database of its user's name.
        (("postgresql://a@h", "postgresql://b@h"), [TABLE], ("", "")),
        (("kudu://m1", "kudu://m1"), [TABLE, RELATIVE], ("hdfs://nn/dev", "hdfs://nn/prod")),
        (("kudu://m1", "kudu://m1"), [NAMED], ("hdfs://one/data", "hdfs://two/data")),
        (("kudu://m1", "kudu://m1"), [], ("hdfs://nn/dev", "hdfs://nn/prod")),
    ],
)
def test_what_lands_elsewhere_is_not_in_the_way(
    tmp_path: Path,
    urls: tuple[str, str],
    sinks: list[dict[str, Any]],
    roots: tuple[str, str],
) -> None:
    one, other = (
        tag(tmp_path / name, url, *sinks, data_root=root)
        for name, url, root in zip(("one", "other"), urls, roots, strict=True)
    )
    assert one != other
