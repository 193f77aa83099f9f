"""Each rule of context_params: its sentence, which apply and a run share."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from framework.contract.context_params import with_group
from tests.both_sides import NAME, faults_of_apply, faults_of_run, warnings_of_apply

SOURCE = {"format": "csv", "path": "in/{biz_dt}.csv"}
SINK = {"format": "orc", "path": "out", "partition_cols": ["biz_dt"]}
BY_PATH = {"format": "orc", "path": "t/{biz_dt}"}
SCHEMA = {**SOURCE, "schema": "a INT"}
ONE_DAY = ("2024-05-15", "2024-05-15")

RULES: dict[str, tuple[dict[str, Any], str]] = {
    "format": (
        {"sources": [{**SOURCE, "format": "cvs"}]},
        "sources[0].format: 'cvs' is not a format; did you mean csv? "
        "A connector of your own is named by its class",
    ),
    "format that is missing": ({"sources": [{"path": "x"}]}, "sources[0].format: is missing"),
    "format that can't be written": (
        {"sinks": [{**BY_PATH, "format": "binaryFile"}]},
        "sinks[0].format: 'binaryFile' can be read, not written",
    ),
    "mode": (
        {"sinks": [{**SINK, "mode": "append"}]},
        "sinks[0].mode: must be 'overwrite' for format 'orc', is 'append'",
    ),
    "path that is missing": ({"sources": [{"format": "csv"}]}, "sources[0].path: is missing"),
    "path that is blank": ({"sources": [{**SOURCE, "path": " "}]}, "sources[0].path: is empty"),
    "table that only a source may be": (
        {"sinks": [{"format": "jdbc", "options": {"query": "SELECT 1"}}]},
        "sinks[0].path: is missing",
    ),
    "placeholder": (
        {"sources": [{**SOURCE, "path": "in/{bizdt}"}]},
        "sources[0].path: unknown placeholder {bizdt} in 'in/{bizdt}'; "
        "known: {biz_dt}, {start_dt}, {end_dt}",
    ),
    "placeholder in a table": (
        {"sources": [{"format": "kudu", "path": "t_{when}"}]},
        "sources[0].path: unknown placeholder {when} in 't_{when}'; "
        "known: {biz_dt}, {start_dt}, {end_dt}",
    ),
    "braces": (
        {"sources": [{**SOURCE, "path": "in/}"}]},
        "sources[0].path: Single '}' encountered in format string: 'in/}'; "
        "a brace of the path itself is {{ or }}",
    ),
    "NUL": (
        {"sources": [{**SOURCE, "path": "a\0b"}]},
        "sources[0].path: holds a NUL, which no file system takes: 'a\\x00b'",
    ),
    "half a character": (
        {"sources": [{**SOURCE, "options": {"sep": "\ud800"}}]},
        "sources[0].options.sep: '\\ud800' holds half a character, which no file can hold",
    ),
    "wildcards in a sink": (
        {"sinks": [{**SINK, "path": "out/*"}]},
        "sinks[0].path: can't hold any of * ? [ ] { } \\: 'out/*'",
    ),
    "wildcards in a folder for bad records": (
        {"sources": [{**SCHEMA, "bad_records": {"path": "bad[1]"}}]},
        "sources[0].bad_records.path: can't hold any of * ? [ ] { } \\: 'bad[1]'",
    ),
    "one date for another": (
        {"sinks": [{"format": "orc", "path": "out/{biz_dt:%Y%m}"}]},
        "sinks[0].path: put biz_dt first in partition_cols, or the whole of it, as {biz_dt} is, "
        "into the path 'out/{biz_dt:%Y%m}': else one date would replace another, as 1900-01-01 and "
        "1900-01-02",
    ),
    "biz_dt that is not first": (
        {"sinks": [{**SINK, "partition_cols": ["region", "biz_dt"]}]},
        "sinks[0].partition_cols: biz_dt must come first, is in ['region', 'biz_dt']",
    ),
    "one sink inside another": (
        {"sinks": [BY_PATH, {**BY_PATH, "path": "/data/t/{biz_dt}/b"}]},
        "sinks[1].path: one would replace the other: '/data/t/{biz_dt}/b' and 't/{biz_dt}' of "
        "sinks[0]",
    ),
    "one sink twice by a URL": (
        {"sinks": [{**SINK, "path": "s3a://b/x/../out"}, {**SINK, "path": "s3a://b//out/"}]},
        "sinks[1].path: one would replace the other: 's3a://b//out/' and 's3a://b/x/../out' of "
        "sinks[0]",
    ),
    "a partition column twice": (
        {"sinks": [{**SINK, "partition_cols": ["biz_dt", "region", "region"]}]},
        "sinks[0].partition_cols: region is given twice",
    ),
    "a partition column twice but for case": (
        {"sinks": [{**SINK, "partition_cols": ["biz_dt", "Region", "REGION"]}]},
        "sinks[0].partition_cols: Region is given twice",
    ),
    "a partition column without a name": (
        {"sinks": [{**BY_PATH, "partition_cols": ["region", " "]}]},
        "sinks[0].partition_cols: must be a list of names",
    ),
    "a sink's path as an option": (
        {"sinks": [{**SINK, "options": {"Path": "x"}}]},
        "sinks[0].options.Path: leave it out: `path` names the files",
    ),
    "a source's path as an option": (
        {"sources": [{**SOURCE, "options": {"path": "x"}}]},
        "sources[0].options.path: leave it out: `path` names the files",
    ),
    "a source inside a sink": (
        {"sources": [{**SOURCE, "path": "t/{biz_dt}/in.csv"}], "sinks": [BY_PATH]},
        "sources[0].path: 't/{biz_dt}/in.csv' lies in 't/{biz_dt}', which a sink replaces: "
        "sinks[0]",
    ),
    "bad records inside a sink": (
        {"sources": [{**SCHEMA, "bad_records": {"path": "t/{biz_dt}"}}], "sinks": [BY_PATH]},
        "sources[0].bad_records.path: their folder and 't/{biz_dt}' of sinks[0]: "
        "one would replace the other",
    ),
    "bad records without a folder": (
        {"sources": [{**SCHEMA, "bad_records": {}}], "sinks": [{"format": "kudu", "path": "t"}]},
        "sources[0].bad_records: needs a path, as no sink of the job is files",
    ),
    "bad records without a schema": (
        {"sources": [{**SOURCE, "bad_records": {}}]},
        "sources[0].bad_records: needs a schema, which the records fit or do not",
    ),
    "bad records of another format": (
        {"sources": [{**SCHEMA, "format": "orc", "bad_records": {}}]},
        "sources[0].bad_records: is for format csv or json, not 'orc'",
    ),
    "limit": (
        {"sources": [{**SCHEMA, "bad_records": {"limit": -1}}]},
        "sources[0].bad_records.limit: must be a whole number, 0 or more, is -1",
    ),
    "null tokens": (
        {"sources": [{**SOURCE, "format": "json", "null_tokens": ["-"]}]},
        "sources[0].null_tokens: are for format csv, not 'json'",
    ),
    "columns in another word": (
        {"sources": [{**SOURCE, "options": {"header": True}, "columns": "by_header"}]},
        "sources[0].columns: must be by_name or by_place, is 'by_header'",
    ),
    "columns of another format": (
        {"sources": [{**SOURCE, "format": "json", "columns": "by_name"}]},
        "sources[0].columns: is for format csv, not 'json'",
    ),
    "columns without a header": (
        {"sources": [{**SCHEMA, "columns": "by_place"}]},
        "sources[0].columns: needs options.header: true, which says that files have a header",
    ),
    "columns by name of inferred types": (
        {
            "sources": [
                {
                    **SOURCE,
                    "columns": "by_name",
                    "options": {"header": "True", "inferSchema": True},
                }
            ]
        },
        "sources[0].columns: by_name needs a schema, or no inferSchema: then all columns are text",
    ),
    "columns and Spark's option": (
        {
            "sources": [
                {
                    **SCHEMA,
                    "columns": "by_place",
                    "options": {"header": True, "EnforceSchema": False},
                }
            ]
        },
        "sources[0].options.enforceSchema: leave it out: `columns` says how columns are found",
    ),
    "options": (
        {"sources": [{**SOURCE, "options": {"header": None}}]},
        "sources[0].options.header: must be text, a number or a boolean, is null",
    ),
    "a list": ({"sources": [SOURCE, 3]}, "sources[1]: must be an object, is a number"),
    "a sink without a source": (
        {"sources": []},
        "sources: needs at least one, as the job has sinks",
    ),
    "hql that goes up": (
        {"hql": "a/../../x.hql"},
        "hql: must be a file below the folder of HQL files, is 'a/../../x.hql'",
    ),
    "hql of a drive": (
        {"hql": "C:x.hql"},
        "hql: must be a file below the folder of HQL files, is 'C:x.hql'",
    ),
    "timeout": ({"timeout_minutes": 0}, "timeout_minutes: must be a number above 0, is 0"),
    "flag": ({"allow_empty": "perhaps"}, "allow_empty: must be true or false, is 'perhaps'"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_the_same_on_both_sides(name: str) -> None:
    changes, sentence = RULES[name]
    context = {"sources": [SOURCE], "sinks": [SINK], **changes}
    assert faults_of_apply(context, "/data") == (sentence,)
    assert faults_of_run(with_group(context, NAME), "/data", ONE_DAY) == (sentence,)


WINDOW_RULES: dict[str, tuple[dict[str, Any], str]] = {
    "one sink inside another": (
        {"sinks": [BY_PATH, {**SINK, "path": "t/{end_dt}"}]},
        "sinks[1].path: one would replace the other: 't/{end_dt}' and 't/{biz_dt}' of sinks[0]",
    ),
    "a source inside a sink": (
        {"sources": [{**SOURCE, "path": "out/biz_dt={start_dt}"}]},
        "sources[0].path: 'out/biz_dt={start_dt}' lies in 'out', which a sink replaces: sinks[0]",
    ),
}


@pytest.mark.parametrize("name", WINDOW_RULES)
def test_what_only_some_windows_break_is_a_warning_and_lands_with_others(name: str) -> None:
    changes, sentence = WINDOW_RULES[name]
    context = {"sources": [SOURCE], "sinks": [SINK], **changes}
    assert faults_of_apply(context, "/data") == ()
    assert warnings_of_apply(context, "/data") == (sentence,)
    with_faults = {**context, "hql": "../x.hql"}
    assert warnings_of_apply(with_faults, "/data") == (sentence,)
    job = with_group(context, NAME)
    assert faults_of_run(job, "/data", ONE_DAY) == (sentence,)
    assert faults_of_run(job, "/data", ("2024-05-14", "2024-05-14")) == ()


def test_what_breaks_no_rule() -> None:
    context = {
        "sources": [
            {**SCHEMA, "null_tokens": ["", "-"], "bad_records": {"limit": 2, "path": "bad"}},
            {**SCHEMA, "columns": "by_name", "options": {"HEADER": "true"}},
            {"format": "jdbc", "options": {"query": "SELECT 1"}},
            {"format": "com.example.Format", "path": "in/*/{start_dt}/{{x}}"},
            {"format": "orc", "path": "out", "options": None, "schema": None},
        ],
        "sinks": [SINK, BY_PATH, {"format": "kudu", "path": "db.t", "mode": "append"}],
        "timeout_minutes": "5",
        "allow_empty": "yes",
    }
    assert faults_of_apply(context, "/data") == ()
    assert faults_of_run(with_group(context, NAME), "/data", ONE_DAY) == ()


def test_a_key_that_is_not_known_is_for_apply_alone() -> None:
    """A params file written by hand may hold what its script wants."""
    context = {"sources": [SOURCE], "sinks": [SINK], "sourcs": []}
    assert faults_of_apply(context, "/data") == ("sourcs: is not a key; did you mean sources?",)
    assert faults_of_run(with_group(context, NAME), "/data", ONE_DAY) == ()


def test_a_data_root_that_is_a_pattern_is_named() -> None:
    context = {"sources": [SOURCE], "sinks": [SINK]}
    (fault,) = faults_of_apply(context, "/odd[1]")
    drive = "C:" if sys.platform == "win32" else ""
    assert fault == f"sinks[0].path: can't hold any of * ? [ ] {{ }} \\: 'out' below {drive}/odd[1]"
    assert faults_of_run(with_group(context, NAME), "/odd[1]", ONE_DAY) == (fault,)


def test_a_real_date_in_a_path_is_not_every_dates() -> None:
    """Only the run of that date would carry the source away, and only it refuses."""
    context = {
        "sources": [{**SOURCE, "path": "t/2024-05-15/in.csv"}],
        "sinks": [BY_PATH],
    }
    assert faults_of_apply(context, "/data") == ()
    (fault,) = faults_of_run(with_group(context, NAME), "/data", ONE_DAY)
    assert "which a sink replaces" in fault
