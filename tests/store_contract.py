"""What every control store promises; a store to come is held to it by its line in STORES.

The tests of tests/runs are these on SQLite, those of tests/services on the stores that are servers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    MAX_CELL_BYTES,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
    Row,
    Table,
)
from orch_dagster.errors import (
    OrchError,
    PermanentStoreError,
    RowError,
    StoreError,
    TransientStoreError,
)
from orch_dagster.settings import REPOSITORY
from tests.store_places import StorePlace

Write = Callable[[Table, list[Row]], object]

UTC = timezone.utc


def job(job_id: str, **columns: str | None) -> Row:
    return {"job_id": job_id, "job_name": f"name_of_{job_id}", **columns}


def edge(child: str, parent: str, level: int | None = None) -> Row:
    return {
        "dependent_job_id": child,
        "dependent_job_name": f"name_of_{child}",
        "parent_job_id": parent,
        "dependency_level": level,
    }


def keys_of(row: Row) -> Row:
    return {name: row[name] for name in JOB_DEPENDENCY.keys}


def date_row(entity: str, biz_dt: str, **columns: str | datetime | None) -> Row:
    return {"entity": entity, "source_system": "FPMS", "biz_dt": biz_dt, **columns}


def without(table: Table, *names: str) -> Table:
    return replace(table, columns=tuple(c for c in table.columns if c.name not in names))


class TestEnsureTables:
    def test_creates_all_five_and_says_so(self, place: StorePlace) -> None:
        store = place.open()
        done = store.ensure_tables()
        store.close()

        assert done == [f"created table {table.name}" for table in TABLES]
        assert [place.columns(table) for table in TABLES] == [set(table.names) for table in TABLES]

    def test_changes_nothing_the_second_time(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1")])

        assert tables.ensure_tables() == []
        assert [row["job_id"] for row in tables.read(JOB_MASTER)] == ["J1"]

    def test_adds_missing_columns_and_drops_nothing(self, place: StorePlace) -> None:
        older = without(EXECUTION_LOG, "attempts", "end_time", "duration", "error_message")
        foreign = replace(JOB_MASTER.columns[-1], name="of_somebody_else")
        place.create(replace(older, columns=(*older.columns, foreign)))
        place.put(EXECUTION_LOG, {"id": "1_a", "status": "Started", "of_somebody_else": "kept"})
        store = place.open()

        done = store.ensure_tables()

        added = {"attempts", "end_time", "duration", "error_message"}
        assert {text for text in done if "column" in text} == {
            f"added column execution_log.{name}" for name in added
        }
        assert place.columns(EXECUTION_LOG) == {*EXECUTION_LOG.names, "of_somebody_else"}
        (row,) = store.read(EXECUTION_LOG)
        assert row == {**dict.fromkeys(EXECUTION_LOG.names), "id": "1_a", "status": "Started"}
        now = datetime(2024, 5, 15, 1, 2, 3, 456789, tzinfo=UTC)
        store.upsert(EXECUTION_LOG, [{"id": "1_a", "attempts": 2, "end_time": now}])
        (row,) = store.read(EXECUTION_LOG)
        assert (row["attempts"], row["end_time"], row["status"]) == (2, now, "Started")
        store.close()

    def test_a_table_of_the_version_before_works_without_its_late_column(
        self, place: StorePlace
    ) -> None:
        place.create(without(EXECUTION_LOG, "row_count"))
        store = place.open()
        row = {**dict.fromkeys(EXECUTION_LOG.names), "id": "1_a", "status": "Started"}
        assert store.lacking_columns(EXECUTION_LOG) == {"row_count"}
        store.insert_ignore(EXECUTION_LOG, [row])
        store.upsert(EXECUTION_LOG, [{"id": "1_b", "row_count": 3}])
        assert store.update(EXECUTION_LOG, [{"id": "1_a", "attempts": 1, "row_count": 3}]) == 1
        rows = store.read(EXECUTION_LOG)
        assert [(each["id"], each["attempts"], each["row_count"]) for each in rows] == [
            ("1_a", 1, None),
            ("1_b", None, None),
        ]
        assert store.read(EXECUTION_LOG, {"row_count": 3}) == []
        assert store.read(EXECUTION_LOG, {"id": "1_a"}, ["row_count"]) == [{"row_count": None}]
        assert store.bad_rows(EXECUTION_LOG) == []

        for table in TABLES:
            if table is not EXECUTION_LOG:
                place.create(table)
        assert store.ensure_tables() == ["added column execution_log.row_count"]
        assert store.lacking_columns(EXECUTION_LOG) == set()
        store.upsert(EXECUTION_LOG, [{"id": "1_a", "row_count": 3}])
        assert [each["row_count"] for each in store.read(EXECUTION_LOG)] == [3, None]
        store.close()

    def test_a_table_without_its_key_column_is_refused(self, place: StorePlace) -> None:
        place.create(without(SYS_PARAMS, "environment"), keys=("param_key", "key_name"))
        store = place.open()

        with pytest.raises(PermanentStoreError, match=r"sys_params.*key column environment"):
            store.ensure_tables()
        store.close()


class TestOneParentTable:
    """job_dependency as it was first declared: its key allows one parent a job."""

    KEY = ("dependent_job_id", "dependent_job_name")

    @pytest.fixture
    def older(self, place: StorePlace) -> ControlStore:
        place.create(JOB_DEPENDENCY, keys=self.KEY)
        store = place.open()
        store.ensure_tables()
        return store

    def test_is_used_as_it_is(self, older: ControlStore) -> None:
        older.upsert(JOB_DEPENDENCY, [edge("B", "A"), edge("C", "A", 1)])
        older.upsert(JOB_DEPENDENCY, [edge("B", "A", 1)])
        older.insert_ignore(JOB_DEPENDENCY, [edge("C", "A", 7)])

        rows = older.read(JOB_DEPENDENCY)
        assert [(r["dependent_job_id"], r["dependency_level"]) for r in rows] == [
            ("B", 1),
            ("C", 1),
        ]
        older.close()

    @pytest.mark.parametrize("how", ["upsert", "insert_ignore"])
    def test_refuses_a_second_parent_naming_both(self, older: ControlStore, how: str) -> None:
        older.upsert(JOB_DEPENDENCY, [edge("B", "A")])

        with pytest.raises(PermanentStoreError) as caught:
            getattr(older, how)(JOB_DEPENDENCY, [edge("C", "A"), edge("B", "X")])

        text = str(caught.value)
        assert "job_dependency" in text
        assert "B has A" in text
        assert "X can't be added" in text
        assert [row["parent_job_id"] for row in older.read(JOB_DEPENDENCY)] == ["A"]
        older.close()

    def test_a_root_gets_its_first_parent(self, older: ControlStore) -> None:
        older.upsert(JOB_DEPENDENCY, [edge("B", "")])
        with pytest.raises(PermanentStoreError, match="B has none, so A can't be added"):
            older.insert_ignore(JOB_DEPENDENCY, [edge("B", "A")])

        older.upsert(JOB_DEPENDENCY, [edge("B", "A", 1)])

        assert [row["parent_job_id"] for row in older.read(JOB_DEPENDENCY)] == ["A"]
        with pytest.raises(PermanentStoreError, match="B has A, so none can't be added"):
            older.upsert(JOB_DEPENDENCY, [edge("B", "")])
        older.close()

    def test_refuses_two_parents_in_one_batch(self, older: ControlStore) -> None:
        with pytest.raises(PermanentStoreError, match="allows one parent a job"):
            older.upsert(JOB_DEPENDENCY, [edge("B", "A"), edge("B", "X")])
        assert older.read(JOB_DEPENDENCY) == []
        older.close()

    def test_a_parent_takes_the_place_of_one_that_is_removed(self, older: ControlStore) -> None:
        older.upsert(JOB_DEPENDENCY, [edge("B", "A", 1), edge("C", "A")])
        two = [edge("B", "X"), edge("B", "Y")]
        with pytest.raises(PermanentStoreError, match="B has X, so Y can't be added"):
            older.replace(JOB_DEPENDENCY, two, [keys_of(edge("B", "A"))])
        older.replace(JOB_DEPENDENCY, [edge("B", "X", 2)], [keys_of(edge("B", "A"))])
        # A root again, and under another name.
        renamed = {**edge("C", ""), "dependent_job_name": "new"}
        older.replace(JOB_DEPENDENCY, [renamed], [keys_of(edge("C", "A"))])

        rows = older.read(JOB_DEPENDENCY)
        assert [tuple(row[name] for name in JOB_DEPENDENCY.keys) for row in rows] == [
            ("B", "name_of_B", "X"),
            ("C", "new", ""),
        ]
        assert rows[0]["dependency_level"] == 2
        older.close()

    def test_a_null_parent_is_read_as_an_empty_one(self, place: StorePlace) -> None:
        place.create(JOB_DEPENDENCY, keys=self.KEY)
        place.put(JOB_DEPENDENCY, {**edge("A", ""), "parent_job_id": None})
        store = place.open()

        assert [row["parent_job_id"] for row in store.read(JOB_DEPENDENCY)] == [""]
        assert len(store.read(JOB_DEPENDENCY, {"parent_job_id": ""})) == 1
        store.insert_ignore(JOB_DEPENDENCY, [edge("A", "")])
        assert store.update(JOB_DEPENDENCY, [edge("A", "", 0)]) == 1
        assert store.delete(JOB_DEPENDENCY, [edge("A", "")]) == 1
        store.close()


def test_rows_replace_others(tables: ControlStore) -> None:
    tables.upsert(JOB_DEPENDENCY, [edge("C", "A", 1), edge("C", "B", 1), edge("B", "A", 1)])

    tables.replace(
        JOB_DEPENDENCY,
        [edge("C", "", 0), edge("B", "A", 7)],
        [keys_of(edge("C", "A")), keys_of(edge("C", "B")), keys_of(edge("C", "of nobody"))],
    )
    tables.replace(JOB_DEPENDENCY, [], [])

    rows = tables.read(JOB_DEPENDENCY)
    assert [(r["dependent_job_id"], r["parent_job_id"], r["dependency_level"]) for r in rows] == [
        ("B", "A", 7),
        ("C", "", 0),
    ]


def test_several_parents_in_a_table_of_ours(tables: ControlStore) -> None:
    tables.upsert(JOB_DEPENDENCY, [edge("C", "B"), edge("C", "A"), edge("A", "")])

    rows = tables.read(JOB_DEPENDENCY, {"dependent_job_id": "C"})
    assert [row["parent_job_id"] for row in rows] == ["A", "B"]


class TestRead:
    def test_equality_and_sequences(self, tables: ControlStore) -> None:
        days = [date_row(e, f"2024-05-{d}") for e in ("GELS", "GEGM") for d in (15, 16, 17)]
        tables.upsert(PROCESS_CONTROL, days)

        def found(**where: str | list[str]) -> list[tuple[object, object]]:
            rows = tables.read(PROCESS_CONTROL, where)
            return [(row["entity"], row["biz_dt"]) for row in rows]

        assert found(entity="GELS", biz_dt="2024-05-16") == [("GELS", "2024-05-16")]
        assert found(biz_dt=["2024-05-15", "2024-05-17"], entity="GEGM") == [
            ("GEGM", "2024-05-15"),
            ("GEGM", "2024-05-17"),
        ]
        assert found(entity=["GELS", "GEGM", "NONE"]) == [
            (str(row["entity"]), row["biz_dt"])
            for row in sorted(days, key=lambda row: (row["entity"], row["biz_dt"]))
        ]
        assert found(entity="NONE") == []
        assert found(entity=[]) == []

    def test_equality_with_null_and_empty_text_are_two_things(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments=None), job("J2", comments="")])

        assert [r["job_id"] for r in tables.read(JOB_MASTER, {"comments": None})] == ["J1"]
        assert [r["job_id"] for r in tables.read(JOB_MASTER, {"comments": ""})] == ["J2"]
        assert [r["comments"] for r in tables.read(JOB_MASTER)] == [None, ""]

    def test_only_the_columns_asked_for(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="x")])

        assert tables.read(JOB_MASTER, columns=["comments", "job_id"]) == [
            {"comments": "x", "job_id": "J1"}
        ]
        assert tables.read(JOB_MASTER, {"job_id": "J1"}, columns=["comments"]) == [
            {"comments": "x"}
        ]

    def test_all_columns_by_default(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [{"job_id": "J1"}])

        assert tables.read(JOB_MASTER) == [{**dict.fromkeys(JOB_MASTER.names), "job_id": "J1"}]

    def test_key_order_is_that_of_the_bytes(self, tables: ControlStore) -> None:
        ids = ["b", "a", "B", "A", "J_10", "J_9", "J 1", "é", "z", "漢", "😀", "", "j-1"]
        tables.upsert(JOB_MASTER, [job(name) for name in ids])

        found = [str(row["job_id"]) for row in tables.read(JOB_MASTER)]
        assert found == sorted(ids, key=lambda name: name.encode())

    def test_key_order_of_several_columns(self, tables: ControlStore) -> None:
        keys = [("b", "DEV", "*"), ("a", "UAT", "*"), ("a", "DEV", "x"), ("a", "DEV", "*")]
        names = SYS_PARAMS.keys
        tables.upsert(SYS_PARAMS, [dict(zip(names, key, strict=True)) for key in keys])

        found = [tuple(row.values()) for row in tables.read(SYS_PARAMS, columns=names)]
        assert found == sorted(keys)

    def test_values_are_values_and_never_statements(self, tables: ControlStore) -> None:
        nasty = "x'); DROP TABLE job_master; -- %s :a {b} \\"
        tables.upsert(JOB_MASTER, [job("J1", comments=nasty), job("J2")])

        assert [r["job_id"] for r in tables.read(JOB_MASTER, {"comments": nasty})] == ["J1"]
        assert tables.delete(JOB_MASTER, [{"job_id": nasty}]) == 0
        assert len(tables.read(JOB_MASTER)) == 2


class TestWrites:
    def test_insert_ignore_leaves_what_is_there(self, tables: ControlStore) -> None:
        tables.insert_ignore(JOB_MASTER, [job("J1", comments="first")])
        tables.insert_ignore(JOB_MASTER, [job("J1", comments="second"), job("J2")])

        rows = tables.read(JOB_MASTER)
        assert [(r["job_id"], r["comments"]) for r in rows] == [("J1", "first"), ("J2", None)]

    def test_insert_ignore_keeps_the_first_of_a_batch(self, tables: ControlStore) -> None:
        tables.insert_ignore(JOB_MASTER, [job("J1", comments="first"), job("J1", comments="2nd")])

        assert [row["comments"] for row in tables.read(JOB_MASTER)] == ["first"]

    def test_upsert_changes_only_the_columns_given(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="c", script_path="s.py")])
        tables.upsert(JOB_MASTER, [{"job_id": "J1", "comments": "d"}])

        (row,) = tables.read(JOB_MASTER)
        assert (row["comments"], row["script_path"], row["job_name"]) == ("d", "s.py", "name_of_J1")

    def test_upsert_writes_a_null_that_is_given(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="c")])
        tables.upsert(JOB_MASTER, [{"job_id": "J1", "comments": None}])

        assert [row["comments"] for row in tables.read(JOB_MASTER)] == [None]

    def test_upsert_of_a_key_alone_creates_and_changes_nothing(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="c")])
        tables.upsert(JOB_MASTER, [{"job_id": "J1"}, {"job_id": "J2"}])

        rows = tables.read(JOB_MASTER)
        assert [(r["job_id"], r["comments"]) for r in rows] == [("J1", "c"), ("J2", None)]

    def test_rows_of_one_batch_may_name_different_columns(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="c"), job("J2", comments="c")])
        tables.upsert(
            JOB_MASTER,
            [
                {"job_id": "J1", "comments": "d"},
                {"script_path": "s.py", "job_id": "J2"},
                {"job_id": "J3"},
                {"job_name": "four", "job_id": "J4", "comments": "e"},
            ],
        )

        rows = tables.read(JOB_MASTER, columns=["job_id", "job_name", "script_path", "comments"])
        assert [tuple(row.values()) for row in rows] == [
            ("J1", "name_of_J1", None, "d"),
            ("J2", "name_of_J2", "s.py", "c"),
            ("J3", None, None, None),
            ("J4", "four", None, "e"),
        ]

    def test_update_counts_and_creates_nothing(self, tables: ControlStore) -> None:
        tables.upsert(PROCESS_CONTROL, [date_row("GELS", "2024-05-15", end_dt="2024-05-15")])
        stamp = [
            date_row("GELS", "2024-05-15", run_id="r1"),
            date_row("GELS", "2024-05-16", run_id="r1"),
        ]

        assert tables.update(PROCESS_CONTROL, stamp) == 1
        (row,) = tables.read(PROCESS_CONTROL)
        assert (row["biz_dt"], row["run_id"], row["end_dt"]) == ("2024-05-15", "r1", "2024-05-15")

    def test_update_of_a_key_alone_only_counts(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1", comments="c")])

        assert tables.update(JOB_MASTER, [{"job_id": "J1"}, {"job_id": "J2"}]) == 1
        assert tables.read(JOB_MASTER, columns=["job_id", "comments"]) == [
            {"job_id": "J1", "comments": "c"}
        ]

    def test_delete_counts(self, tables: ControlStore) -> None:
        tables.upsert(JOB_MASTER, [job("J1"), job("J2"), job("J3")])

        assert tables.delete(JOB_MASTER, [{"job_id": "J1"}, {"job_id": "J3"}, {"job_id": "J"}]) == 2
        assert [row["job_id"] for row in tables.read(JOB_MASTER)] == ["J2"]

    @pytest.mark.parametrize("how", ["insert_ignore", "upsert", "update", "delete"])
    def test_no_rows_are_no_work(self, tables: ControlStore, how: str) -> None:
        assert getattr(tables, how)(JOB_MASTER, []) in (None, 0)

    def test_ten_thousand_rows(self, tables: ControlStore) -> None:
        rows = [job(f"J{n:05d}", comments="old") for n in range(10_000)]
        tables.insert_ignore(JOB_MASTER, rows)
        tables.upsert(JOB_MASTER, [{**row, "comments": "new"} for row in rows[5_000:]])

        assert tables.read(JOB_MASTER, columns=["job_id", "job_name", "comments"]) == [
            {**row, "comments": "old" if n < 5_000 else "new"} for n, row in enumerate(rows)
        ]


TIMES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1677, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2024, 5, 15, 12, 34, 56, 123_457, tzinfo=UTC),
    datetime(2262, 5, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


class TestValues:
    @pytest.mark.parametrize("moment", TIMES, ids=str)
    def test_times_to_the_microsecond(self, tables: ControlStore, moment: datetime) -> None:
        tables.upsert(EXECUTION_LOG, [{"id": "1", "start_time": moment}])

        (row,) = tables.read(EXECUTION_LOG, {"start_time": moment})
        found = row["start_time"]
        assert isinstance(found, datetime)
        assert found == moment
        assert found.utcoffset() == timedelta(0)

    def test_other_zones_come_back_as_utc(self, tables: ControlStore) -> None:
        singapore = timezone(timedelta(hours=8))
        tables.upsert(
            EXECUTION_LOG, [{"id": "1", "start_time": datetime(2024, 5, 15, 2, tzinfo=singapore)}]
        )

        (row,) = tables.read(EXECUTION_LOG)
        assert str(row["start_time"]) == "2024-05-14 18:00:00+00:00"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "é",
            "漢字",
            "😀👩‍👩‍👧 𝄞",
            "e\u0301 is not é",
            "\ufeff",
            "a\r\n\tb",
            "%s %(x)s ? :x $1",
        ],
    )
    def test_texts_come_back_as_they_were(self, tables: ControlStore, text: str) -> None:
        tables.upsert(JOB_MASTER, [{"job_id": f"k{text}", "comments": text}])

        (row,) = tables.read(JOB_MASTER, {"comments": text})
        assert (row["job_id"], row["comments"]) == (f"k{text}", text)

    @settings(
        max_examples=50,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        text=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        whole=st.none() | st.integers(-(2**63), 2**63 - 1),
        real=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        moment=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
    def test_any_value_of_its_kind(
        self,
        tables: ControlStore,
        text: str | None,
        whole: int | None,
        real: float | None,
        moment: datetime | None,
    ) -> None:
        row: Row = {
            "id": "1",
            "job_name": text,
            "attempts": whole,
            "duration": real,
            "end_time": moment,
        }
        tables.upsert(EXECUTION_LOG, [row])

        assert tables.read(EXECUTION_LOG, columns=list(row)) == [row]

    @pytest.mark.parametrize("letter", ["x", "😀"])
    def test_text_at_the_limit(self, tables: ControlStore, letter: str) -> None:
        text = letter * (MAX_CELL_BYTES // len(letter.encode()))
        tables.upsert(JOB_MASTER, [job("J1", context_params=text)])

        assert [row["context_params"] for row in tables.read(JOB_MASTER)] == [text]

    @pytest.mark.parametrize("how", ["upsert", "insert_ignore", "update"])
    @pytest.mark.parametrize(
        "text", ["x" * (MAX_CELL_BYTES + 1), "x" + "😀" * (MAX_CELL_BYTES // 4)], ids=["x", "😀"]
    )
    def test_text_over_the_limit(self, tables: ControlStore, how: str, text: str) -> None:
        tables.upsert(JOB_MASTER, [job("J0")])

        with pytest.raises(RowError) as caught:
            getattr(tables, how)(
                JOB_MASTER,
                [job("J0", comments="changed"), job("J1", context_params=text), job("J2")],
            )

        assert caught.value.problems == (
            "job_master (job_id=J1): column context_params: longer than 65536 bytes",
        )
        assert tables.read(JOB_MASTER, columns=["job_id", "comments"]) == [
            {"job_id": "J0", "comments": None}
        ]


BAD_ROWS: dict[str, tuple[Table, Row, str]] = {
    "null key": (JOB_MASTER, {"job_id": None}, "job_id is missing or null"),
    "missing key": (
        PROCESS_CONTROL,
        {"entity": "GELS", "biz_dt": "2024-05-15"},
        "source_system is missing or null",
    ),
    "unknown column": (JOB_MASTER, job("J1", colour="red"), "unknown column colour"),
    "number for text": (JOB_MASTER, {"job_id": "J1", "comments": 7}, "comments: 7 is not text"),
    "text for number": (
        EXECUTION_LOG,
        {"id": "1", "attempts": "2"},
        "attempts: '2' is not a whole number",
    ),
    "truth for number": (EXECUTION_LOG, {"id": "1", "attempts": True}, "attempts: True is not"),
    "real for whole": (EXECUTION_LOG, {"id": "1", "attempts": 1.0}, "attempts: 1.0 is not"),
    "whole number too large": (EXECUTION_LOG, {"id": "1", "attempts": 2**63}, "column attempts"),
    "text for real": (EXECUTION_LOG, {"id": "1", "duration": "1.5"}, "'1.5' is not a number"),
    "not a number": (EXECUTION_LOG, {"id": "1", "duration": float("nan")}, "column duration"),
    "time without a zone": (
        EXECUTION_LOG,
        {"id": "1", "start_time": datetime(2024, 5, 15)},
        "is not a time with a time zone",
    ),
    "text for time": (
        EXECUTION_LOG,
        {"id": "1", "start_time": "2024-05-15T00:00:00Z"},
        "is not a time with a time zone",
    ),
    "time outside UTC's years": (
        EXECUTION_LOG,
        {"id": "1", "start_time": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=2)))},
        "column start_time",
    ),
    "lone surrogate": (JOB_MASTER, job("J1", comments="a\ud800b"), "column comments"),
    "NUL": (JOB_MASTER, job("J1", comments="a\0b"), "column comments"),
    **{
        f"date {text!r}": (
            PROCESS_CONTROL,
            date_row("GELS", text),
            f"biz_dt: {text!r} is not a date such as 2024-05-15",
        )
        for text in (
            "2024-02-30",
            "20240515",
            "2024-5-15",
            "15.05.2024",
            "",
            "2024-05-15T00:00:00",
            "2024-05-15\n",
            "２０２４-05-15",
            "0000-01-01",
            "2024-W20-3",
        )
    },
}


@pytest.mark.parametrize("how", ["upsert", "insert_ignore", "update"])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_and_its_batch_unwritten(
    tables: ControlStore, how: str, name: str
) -> None:
    table, bad, problem = BAD_ROWS[name]
    good: Row = {**dict.fromkeys(table.keys, "2024-05-15")}

    with pytest.raises(RowError) as caught:
        getattr(tables, how)(table, [good, bad])

    (text,) = caught.value.problems
    assert text.startswith(f"{table.name} ({table.key_text(bad)}): ")
    assert problem in text
    assert tables.read(table) == []


def test_all_bad_rows_are_named_at_once(tables: ControlStore) -> None:
    with pytest.raises(RowError) as caught:
        tables.upsert(
            PROCESS_CONTROL,
            [
                date_row("GELS", "soon", start_dt="yesterday"),
                date_row("GELS", "2024-05-15", colour="red"),
            ],
        )

    assert len(caught.value.problems) == 3


def test_delete_wants_whole_keys(tables: ControlStore) -> None:
    tables.upsert(PROCESS_CONTROL, [date_row("GELS", "2024-05-15")])

    with pytest.raises(RowError, match="source_system is missing"):
        tables.delete(PROCESS_CONTROL, [{"entity": "GELS", "biz_dt": "2024-05-15"}])
    assert len(tables.read(PROCESS_CONTROL)) == 1


class TestFailures:
    @pytest.mark.parametrize("at", [1, 1_500])
    def test_the_store_refusing_one_row_leaves_nothing_of_its_batch(
        self, place: StorePlace, tables: ControlStore, at: int
    ) -> None:
        place.refuse(JOB_MASTER, "comments", "poison")
        rows = [job(f"J{n:04d}") for n in range(2_000)]
        rows[at]["comments"] = "poison"

        with pytest.raises(PermanentStoreError, match="table job_master"):
            tables.upsert(JOB_MASTER, rows)
        assert tables.read(JOB_MASTER) == []
        tables.upsert(JOB_MASTER, [job("J1")])
        assert len(tables.read(JOB_MASTER)) == 1

    @pytest.mark.parametrize("how", ["read", "upsert", "insert_ignore", "update", "delete"])
    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_a_missing_table_names_itself_and_orch_init(
        self, place: StorePlace, how: str, table: Table
    ) -> None:
        # The place is there, the tables are not.
        place.create(replace(JOB_MASTER, name="another"))
        store = place.open()
        key: Row = dict.fromkeys(table.keys, "2024-05-15")

        with pytest.raises(PermanentStoreError, match="orch init") as caught:
            _ = store.read(table) if how == "read" else getattr(store, how)(table, [key])
        assert caught.value.table == table.name
        assert caught.value.store == store.address
        store.close()

    def test_a_store_that_does_not_answer_is_worth_another_try(self, place: StorePlace) -> None:
        with place.away() as store, pytest.raises(TransientStoreError) as caught:
            store.upsert(JOB_MASTER, [job("J1")])

        assert caught.value.table == "job_master"
        again = place.open()
        assert again.read(JOB_MASTER) == []
        again.upsert(JOB_MASTER, [job("J1")])
        again.close()

    def test_ping(self, place: StorePlace, tables: ControlStore) -> None:
        tables.ping()

    def test_the_address_hides_a_password(self, place: StorePlace) -> None:
        store = place.open()
        try:
            assert "s3cret" not in store.address
            with pytest.raises(StoreError) as caught:
                store.read(JOB_MASTER)
            assert "s3cret" not in str(caught.value)
        finally:
            store.close()

    def test_close_twice(self, place: StorePlace) -> None:
        store = place.open()
        store.close()
        store.close()


WRITERS = 4
BATCHES = 15


class TestWritersSideBySide:
    def test_threads(self, tables: ControlStore) -> None:
        def write(writer: int) -> None:
            for batch in range(BATCHES):
                tables.upsert(JOB_MASTER, [job(f"J{writer}_{batch}_{n}") for n in range(10)])
                tables.update(JOB_MASTER, [{"job_id": f"J{writer}_{batch}_0", "comments": "x"}])
                tables.insert_ignore(JOB_MASTER, [job("shared", comments="one")])
                assert len(tables.read(JOB_MASTER, {"job_id": f"J{writer}_{batch}_0"})) == 1

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))

        assert len(tables.read(JOB_MASTER)) == WRITERS * BATCHES * 10 + 1
        assert len(tables.read(JOB_MASTER, {"comments": "x"})) == WRITERS * BATCHES

    @pytest.mark.parametrize("keys", [JOB_DEPENDENCY.keys, TestOneParentTable.KEY], ids=len)
    def test_threads_whose_writes_look_first(
        self, place: StorePlace, keys: tuple[str, ...]
    ) -> None:
        # Writing job_dependency reads before it writes: what it read must hold until it wrote.
        place.create(JOB_DEPENDENCY, keys=keys)

        def write(writer: int) -> None:
            store = place.open()
            for batch in range(BATCHES * 4):
                store.upsert(JOB_DEPENDENCY, [edge(f"J{writer}_{batch}", "A", batch)])
            store.close()

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))

        store = place.open()
        assert len(store.read(JOB_DEPENDENCY, {"parent_job_id": "A"})) == WRITERS * BATCHES * 4
        store.close()

    def test_processes_that_open_the_store_at_once(self, place: StorePlace) -> None:
        program = textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from orch_dagster.control.connect import open_store
            from orch_dagster.control.tables import JOB_MASTER

            url, home, writer, batches = sys.argv[1:]
            store = open_store(url, Path(home))
            print("ready", flush=True)
            sys.stdin.readline()
            store.ensure_tables() if writer == "0" else None
            for batch in range(int(batches)):
                rows = [{"job_id": f"J{writer}_{batch}_{n}"} for n in range(10)]
                store.upsert(JOB_MASTER, rows)
                store.update(JOB_MASTER, [{**rows[0], "comments": "x"}])
                assert len(store.read(JOB_MASTER, {"job_id": rows[0]["job_id"]})) == 1
            store.close()
            """
        )
        place.create(JOB_MASTER)
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", program, place.url, str(place.home), str(n), str(BATCHES)],
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *filter(None, sys.path)])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(WRITERS)
        ]
        try:
            for writer in writers:
                assert writer.stdout is not None
                assert writer.stdout.readline() == "ready\n"
            said = [writer.communicate("go\n", timeout=300)[1] for writer in writers]
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()

        assert said == [""] * WRITERS
        assert [writer.returncode for writer in writers] == [0] * WRITERS
        store = place.open()
        assert len(store.read(JOB_MASTER, {"comments": "x"})) == WRITERS * BATCHES
        assert len(store.read(JOB_MASTER)) == WRITERS * BATCHES * 10
        store.close()


def test_every_error_has_the_one_root() -> None:
    assert issubclass(StoreError, OrchError)
    assert issubclass(RowError, OrchError)
    assert issubclass(TransientStoreError, StoreError)
    assert issubclass(PermanentStoreError, StoreError)
    assert not issubclass(TransientStoreError, PermanentStoreError)
