"""What context_params may say, and how each fault is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.contract import places
from framework.contract.paths import IGNORES_CASE
from orch_dagster.registry.context_params import (
    BadRecords,
    ContextParamsError,
    parse_context_params,
)

NAME = "etl_lnd_gels_fpms_t_contract"
SOURCE = {"format": "csv", "path": "in/{biz_dt}.csv"}
SINK = {"format": "orc", "path": "out", "partition_cols": ["biz_dt"]}


def parse(document: object, job_name: str = NAME) -> Any:
    return parse_context_params(json.dumps(document), job_name)


def faults(document: object, job_name: str = NAME) -> list[str]:
    with pytest.raises(ContextParamsError) as caught:
        parse(document, job_name)
    assert str(caught.value) == "; ".join(caught.value.faults)
    return [*caught.value.faults]


def test_all_that_may_be_said() -> None:
    params = parse(
        {
            "entity": "GELS",
            "source_system": "FPMS",
            "sources": [
                {
                    "format": "csv",
                    "path": "a.csv",
                    "options": {"header": True, "sep": ";", "maxColumns": 9, "ratio": 0.5},
                    "schema": "a INT, b STRING",
                    "null_tokens": ["", "NA"],
                    "bad_records": {"limit": 3, "path": "bad/{biz_dt}"},
                }
            ],
            "hql": "x.hql",
            "sinks": [{**SINK, "mode": "overwrite"}],
            "timeout_minutes": 1.5,
            "allow_empty": True,
            "business_keys": ["contract_no", "seq"],
            "compare_cols": "premium, status",
        }
    )

    assert params.sources[0].options == {"header": True, "sep": ";", "maxColumns": 9, "ratio": 0.5}
    assert params.sources[0].schema == "a INT, b STRING"
    assert params.sources[0].null_tokens == ("", "NA")
    assert params.sources[0].bad_records == BadRecords(3, "bad/{biz_dt}")
    assert params.sinks[0].partition_cols == ("biz_dt",)
    assert params.timeout_minutes == 1.5
    assert params.allow_empty is True
    assert params.business_keys == ("contract_no", "seq")
    # As process_control has them.
    assert params.compare_cols == ("premium", "status")


def test_what_is_not_said() -> None:
    params = parse({})

    assert (params.sources, params.sinks, params.hql) == ((), (), None)
    assert (params.timeout_minutes, params.allow_empty) == (None, False)
    assert (params.business_keys, params.compare_cols) == (None, None)
    assert parse({"business_keys": []}).business_keys == ()


class TestEntityAndSource:
    @pytest.mark.parametrize(
        ("name", "entity", "source"),
        [
            (NAME, "GELS", "FPMS"),
            ("ETL_LND_gels_Fpms_T", "GELS", "FPMS"),
            ("etl_lnd_a1_b2_x_y_z", "A1", "B2"),
        ],
    )
    def test_are_taken_from_the_name(self, name: str, entity: str, source: str) -> None:
        params = parse({}, name)
        assert (params.entity, params.source_system) == (entity, source)

    def test_of_the_json_win(self) -> None:
        params = parse({"entity": "X"})
        assert (params.entity, params.source_system) == ("X", "FPMS")

    @pytest.mark.parametrize("name", ["my_job", "etl_lnd_gels_fpms", "etl_lnd_gels_fpms_", "x"])
    def test_of_neither_are_missing(self, name: str) -> None:
        hint = "is missing: give it, or name the job etl_lnd_<entity>_<source_system>_<table>"
        assert faults({}, name) == [f"entity: {hint}", f"source_system: {hint}"]

    @pytest.mark.parametrize("entity", ["", "   ", None, True, ["A"]])
    def test_that_are_no_text(self, entity: object) -> None:
        (fault,) = faults({"entity": entity})
        assert fault.startswith("entity: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is empty; give sources and sinks"),
        ("", "is empty; give sources and sinks"),
        ("{'a': 1}", "line 1 column 2"),
        ('{"a": 1,\n "b": }', "line 2 column 7"),
        ('{"a": [1,\n ]}', "; take the comma before it away$"),
        ('{"a": 1,}', "; take the comma before it away$"),
        ('{ // a\n"a": 1}', "; JSON has no comments$"),
        ("{'a': 1}", "; JSON has double quotes alone$"),
        ("[]", "must be a JSON object, not a list"),
        ("null", "must be a JSON object, not a NoneType"),
        ('"x"', "must be a JSON object, not a str"),
        ("[" * 60_000, "not usable JSON"),
        ('{"timeout_minutes": ' + "9" * 5_000 + "}", "not usable JSON"),
    ],
)
def test_text_that_is_no_json_object(text: str | None, said: str) -> None:
    with pytest.raises(ContextParamsError, match=said):
        parse_context_params(text, NAME)


class TestFaults:
    def test_a_word_that_is_not_known(self) -> None:
        known = "format, path, options, schema, null_tokens, bad_records, columns"
        assert faults({"sink": []}) == ["sink: is not a key; did you mean sinks?"]
        assert faults({"sources": [{**SOURCE, "zzz": "x", "nulltoken": []}]}) == [
            f"sources[0].zzz: is not a key; known: {known}",
            "sources[0].nulltoken: is not a key; did you mean null_tokens?",
        ]
        bad_records = {"limits": 1, "path": "x"}
        source = {**SOURCE, "schema": "a INT", "bad_records": bad_records}
        assert faults({"sources": [source]}) == [
            "sources[0].bad_records.limits: is not a key; did you mean limit?"
        ]
        assert faults({"sources": [SOURCE], "sinks": [{**SINK, "partition_by": ["x"]}]}) == [
            "sinks[0].partition_by: is not a key; did you mean partition_cols?"
        ]

    def test_a_key_that_stands_twice_in_one_object(self) -> None:
        """The last one would win, and nobody would see the first."""
        text = '{"entity": "A", "entity": "B", "sinks": [{"path": "x", "path": "y", "path": "z"}]}'
        with pytest.raises(ContextParamsError) as caught:
            parse_context_params(text, NAME)
        assert caught.value.faults[:2] == (
            "path: is given twice in one object",
            "entity: is given twice in one object",
        )

    def test_all_of_them_with_their_places(self) -> None:
        found = faults(
            {
                "sources": [SOURCE, {"path": "x"}],
                "sinks": "out",
                "timeout_minutes": 0,
                "allow_empty": "perhaps",
            }
        )

        assert [fault.partition(":")[0] for fault in found] == [
            "sources[1].format",
            "sinks",
            "timeout_minutes",
            "allow_empty",
        ]

    def test_a_sink_that_would_replace_other_dates(self) -> None:
        for sink in (
            {"format": "orc", "path": "out"},
            {"format": "orc", "path": "out", "partition_cols": ["region", "biz_dt"]},
            {"format": "orc", "path": "out/biz_dt", "partition_cols": []},
            {"format": "orc", "path": "out/{{biz_dt}}"},
            {"format": "orc", "path": "out/{biz_dt:%Y%m}"},
            {"format": "orc", "path": "out/{biz_dt:%d}"},
            {"format": "orc", "path": "out/{end_dt}"},
            {"format": "orc", "path": "out/{biz_dt}", "partition_cols": ["region", "biz_dt"]},
        ):
            fault, *_ = faults({"sources": [SOURCE], "sinks": [{**SINK, "path": "x"}, sink]})
            assert fault.startswith(
                (
                    "sinks[1].path: put biz_dt first",
                    "sinks[1].partition_cols: biz_dt must come first",
                )
            )

    @pytest.mark.parametrize(
        "sink",
        [
            SINK,
            {"format": "orc", "path": "out", "partition_cols": ["biz_dt", "region"]},
            {"format": "parquet", "path": "out/{biz_dt}"},
            {"format": "parquet", "path": "out/{biz_dt:%Y%m%d}"},
            {"format": "kudu", "options": {"kudu.table": "t"}, "mode": "append"},
            {"format": "JDBC", "path": "t", "options": {"url": "jdbc:x"}},
            {"format": "jdbc", "options": {"url": "jdbc:x", "dbtable": "t"}},
        ],
    )
    def test_sinks_that_are_right(self, sink: dict[str, object]) -> None:
        assert len(parse({"sources": [SOURCE], "sinks": [sink]}).sinks) == 1

    @pytest.mark.parametrize(
        ("source", "wanted"),
        [
            ({"format": "json", "null_tokens": ["NA"]}, ["null_tokens: are for format csv"]),
            (
                {"null_tokens": ["NA"], "options": {"NULLVALUE": "x"}},
                ["options.nullValue: put it into null_tokens"],
            ),
            (
                {"null_tokens": ["NA", "-"], "options": {"inferSchema": True}},
                ["null_tokens: several need a schema"],
            ),
            (
                {"null_tokens": ["a", "b"], "schema": "a INT", "options": {"mode": "FAILFAST"}},
                ["options.mode: can't be given with"],
            ),
            ({"bad_records": {}}, ["bad_records: needs a schema"]),
            (
                {"format": "orc", "bad_records": {"path": "x/{when}"}, "options": {"Mode": "x"}},
                [
                    "bad_records.path: unknown placeholder {when}",
                    "bad_records: is for format csv or json",
                    "options.mode: can't be given with",
                ],
            ),
        ],
    )
    def test_records_that_a_source_can_not_have(
        self, source: dict[str, object], wanted: list[str]
    ) -> None:
        found = faults({"sources": [SOURCE, {**SOURCE, **source}], "sinks": [SINK]})
        assert len(found) == len(wanted)
        for fault, start in zip(found, wanted, strict=True):
            assert fault.startswith(f"sources[1].{start}")

    @pytest.mark.parametrize("limit", [-1, "5", 1.5, True])
    def test_a_limit_is_a_whole_number(self, limit: object) -> None:
        bad_records = {"limit": limit, "path": "bad"}
        (fault,) = faults({"sources": [{**SOURCE, "schema": "a INT", "bad_records": bad_records}]})
        assert fault.startswith("sources[0].bad_records.limit: ")

    def test_bad_records_of_a_job_without_files_need_a_place(self) -> None:
        source = {**SOURCE, "schema": "a INT", "bad_records": {}}
        table = {"format": "kudu", "path": "t"}
        assert faults({"sources": [source], "sinks": [table]}) == [
            "sources[0].bad_records: needs a path, as no sink of the job is files"
        ]
        parse({"sources": [source], "sinks": [table, SINK]})
        assert parse({"sources": [{**source, "bad_records": {"path": "x"}}], "sinks": [table]})

    def test_append_is_for_services(self) -> None:
        (fault,) = faults({"sources": [SOURCE], "sinks": [{**SINK, "mode": "append"}]})
        assert fault == "sinks[0].mode: must be 'overwrite' for format 'orc', is 'append'"
        table = {"format": "kudu", "path": "t", "mode": "overwrite"}
        (fault,) = faults({"sources": [SOURCE], "sinks": [table]})
        assert fault == "sinks[0].mode: must be 'append' for format 'kudu', is 'overwrite'"

    @pytest.mark.parametrize("name", ["_landing", "_replaced", "_rejected", "_Landing"])
    def test_a_sink_in_a_folder_of_landings_own(self, name: str) -> None:
        """There another job's landing would move it, or remove it as a leftover."""
        for path in (name, f"out/{name}/t", f"/out/t/{name}/j"):
            (fault,) = faults({"sources": [SOURCE], "sinks": [{**SINK, "path": path}]})
            assert f"what is in folders named {name}; choose another" in fault
        assert parse({"sources": [SOURCE], "sinks": [{**SINK, "path": f"out/x{name}/t"}]})

    def test_paths_that_are_missing(self) -> None:
        assert faults({"sources": [{"format": "csv"}], "sinks": [{"format": "orc"}]}) == [
            "sources[0].path: is missing",
            "sinks[0].path: is missing",
        ]
        assert faults({"sources": [{"format": "jdbc", "options": {"url": "x"}}]}) == [
            "sources[0].path: is missing"
        ]

    @pytest.mark.parametrize(
        "path", ["x/{bizdt}", "x/{{biz_dt}}/{foo}", "x/{biz_dt", "x/{biz_dt!r}"]
    )
    def test_placeholders_that_there_are_not(self, path: str) -> None:
        (fault,) = faults({"sources": [{**SOURCE, "path": path}]})
        assert fault.startswith("sources[0].path: ")
        assert repr(path) in fault

    def test_a_sink_without_a_source(self) -> None:
        assert faults({"sinks": [SINK]}) == ["sources: needs at least one, as the job has sinks"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["entity", "sources", "sinks", "format", "path", "hql", "x"]),
                inner,
            )
        ),
        max_leaves=15,
    )
)
def test_any_json_is_taken_or_refused_in_words(document: object) -> None:
    try:
        parse(document)
    except ContextParamsError as error:
        assert str(error)


@given(st.text())
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    try:
        parse_context_params(text, NAME)
    except ContextParamsError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("out/aux/t", "has the name 'aux', which means a device on Windows"),
        ("out/t./x", "has the name 't.', whose dot or space at the end Windows drops"),
        ("out/a|b", "holds '|', which no name on Windows has"),
        ("out/a:b", "holds ':', which no name on Windows has"),
        (
            "/d/out",
            "is a folder in the words of Git Bash, and for Windows one named d: write D:/out",
        ),
        ("D:out", "is relative to the working folder of drive D: give it from the drive's root"),
    ],
)
@pytest.mark.parametrize("part", ["sources", "sinks"])
def test_paths_that_windows_takes_for_others_are_refused_there(
    path: str, fault: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"sources": [SOURCE], "sinks": [SINK]}
    document[part] = [{**document[part][0], "path": path}]
    monkeypatch.setattr(places, "_ON_WINDOWS", True)
    assert faults(document) == [f"{part}[0].path: '{path}' {fault}"]
    monkeypatch.setattr(places, "_ON_WINDOWS", False)
    assert parse(document)


def test_hql_may_be_written_as_on_windows() -> None:
    assert parse({"hql": "lnd\\a.hql"}).hql == "lnd/a.hql"


def test_so_is_a_data_root_in_a_folder_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"sources": [SOURCE], "sinks": [SINK]})
    monkeypatch.setattr(places, "_ON_WINDOWS", True)
    with pytest.raises(ContextParamsError, match=r"'out' is in a folder of a server") as caught:
        parse_context_params(text, NAME, "//server/share")
    assert len(caught.value.faults) == 2
    # One of a cluster is no path of Windows.
    assert parse_context_params(text, NAME, "hdfs://nn:8020/data")


@pytest.mark.skipif(not IGNORES_CASE, reason="only Windows and macOS take them for one")
def test_a_source_in_a_sink_that_differs_by_case_is_refused() -> None:
    source = {"format": "csv", "path": "Out/biz_dt={biz_dt}/a.csv"}
    assert faults({"sources": [source], "sinks": [SINK]}) == [
        "sources[0].path: 'Out/biz_dt={biz_dt}/a.csv' lies in 'out', which a sink replaces: "
        "sinks[0]"
    ]
