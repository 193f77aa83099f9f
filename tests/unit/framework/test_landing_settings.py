"""What a landing reads of sys_params, and what a source says of its records."""

from __future__ import annotations

from typing import Any

import pytest

from framework.errors import ParamsError
from framework.params import BadRecords, JobParams
from framework.params_loader import parse_params
from framework.plan import Plan, plan_landing
from tests.samples import DATE, document

CSV = {"format": "csv", "path": "in/{biz_dt}.csv"}


def with_settings(*rows: dict[str, Any]) -> JobParams:
    given = document()
    given["sys_params"] = [{"param_type": "system", "environment": "DEV", **row} for row in rows]
    return parse_params(given, "p.json")


def plan(*sources: dict[str, Any], **context: Any) -> Plan:
    params = parse_params(document(sources=list(sources), **context), "p.json")
    return plan_landing(params, params.biz_dt, "/data")


def problems(*sources: dict[str, Any], **context: Any) -> list[str]:
    with pytest.raises(ParamsError) as refused:
        plan(*sources, **context)
    return [each.replace("job_master.context_params.", "") for each in refused.value.problems]


def test_settings_where_there_are_none() -> None:
    params = with_settings({"param_key": "checks.blocking", "param_value": None})
    assert (params.system, params.checks_are_blocking, params.drift_is_refused) == (
        {},
        False,
        False,
    )


def test_settings_of_param_type_system() -> None:
    params = with_settings(
        {"param_key": "checks.blocking", "param_value": " True "},
        {"param_key": "schema.drift", "param_value": "refuse"},
        {"param_key": "schedule.cron", "param_value": "0 2 * * MON"},
        {"param_key": "spark.master", "param_value": "local", "param_type": "spark"},
    )
    assert params.system == {
        "checks.blocking": "true", "schema.drift": "refuse", "schedule.cron": "0 2 * * MON"
    }  # fmt: skip
    assert (params.checks_are_blocking, params.drift_is_refused) == (True, True)


def test_settings_that_can_not_be_used_are_named_with_what_can() -> None:
    with pytest.raises(ParamsError) as refused:
        with_settings(
            {"param_key": "checks.blocking", "param_value": "maybe"},
            {"param_key": "schema.drift", "param_value": "stop"},
        )
    assert refused.value.problems == (
        "sys_params.checks.blocking: 'maybe' is not true or false",
        "sys_params.schema.drift: 'stop' is not report or refuse",
    )


def test_records_of_a_source() -> None:
    schema = {"schema": "a INT"}
    made = plan(
        {**CSV, **schema, "null_tokens": ["", "NA"], "bad_records": {}},
        {**CSV, **schema, "bad_records": {"limit": 7, "path": "bad/{biz_dt:%Y}"}},
        {**CSV, "null_tokens": ["-"], "bad_records": None},
    )
    one, two, three = made.sources
    assert one.source.null_tokens == ("", "NA")
    assert one.source.bad_records == BadRecords(0, None)
    assert one.rejected == f"/data/out/t/_rejected/job/biz_dt={DATE}"
    assert two.source.bad_records == BadRecords(7, "bad/{biz_dt:%Y}")
    assert two.rejected == f"/data/bad/2024/job/biz_dt={DATE}"
    assert (three.source.bad_records, three.rejected) == (None, None)
    assert made.rejected == (one.rejected, two.rejected)


def test_records_that_a_source_can_not_have() -> None:
    options = {"NullValue": "x", "MODE": "FAILFAST", "columnNameOfCorruptRecord": "c"}
    found = problems(
        {**CSV, "format": "json", "null_tokens": ["NA"]},
        {**CSV, "null_tokens": ["NA", 5], "bad_records": {"limit": -1}},
        {**CSV, "null_tokens": ["NA", "-"], "options": {"inferSchema": True}},
        {**CSV, "null_tokens": ["NA", "-"], "schema": "a INT", "options": options},
        {**CSV, "format": "orc", "bad_records": {"limit": "many"}},
        {**CSV, "null_tokens": "NA", "bad_records": 5},
    )
    refused = "can't be given with bad_records or several null_tokens"
    assert found == [
        "sources[0].null_tokens: are for format csv, not 'json'",
        "sources[1].null_tokens: must be a list of texts",
        "sources[1].bad_records.limit: must be a whole number, 0 or more, is -1",
        "sources[1].bad_records: needs a schema, which the records fit or do not",
        "sources[2].null_tokens: several need a schema, or no inferSchema: it knows of one only",
        "sources[3].options.nullValue: put it into null_tokens",
        f"sources[3].options.mode: {refused}",
        f"sources[3].options.columnNameOfCorruptRecord: {refused}",
        "sources[4].bad_records.limit: must be a whole number, 0 or more, is 'many'",
        "sources[4].bad_records: is for format csv or json, not 'orc'",
        "sources[5].null_tokens: must be a list, is text",
        "sources[5].bad_records: must be an object, is a number",
    ]


def test_folders_for_bad_records_that_can_not_be() -> None:
    source = {**CSV, "schema": "a INT", "bad_records": {}}
    table = {"format": "jdbc", "path": "t"}
    assert problems(source, sinks=[table]) == [
        "sources[0].bad_records: needs a path, as no sink of the job is files"
    ]
    assert problems({**source, "bad_records": {"path": "{bizdt}"}})[0].startswith(
        "sources[0].bad_records.path: unknown placeholder {bizdt}"
    )
    assert problems({**source, "bad_records": {"path": "bad/*"}})[0].startswith(
        "sources[0].bad_records.path: can't hold any of * ?"
    )
    inside = [{"format": "orc", "path": "out/{biz_dt}"}]
    assert problems({**source, "bad_records": {"path": "out/{biz_dt}"}}, sinks=inside) == [
        "sources[0].bad_records.path: their folder and 'out/{biz_dt}' of sinks[0]: "
        "one would replace the other"
    ]
