from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH, write_extract
from tests.expected import Cells, expected_rows, read_cells

BIZ_DT = date(2024, 5, 15)


@pytest.fixture(scope="module")
def contract_file(data_root: Path) -> Path:
    return data_root / CONTRACT_PATH.format(biz_dt=BIZ_DT)


@pytest.fixture(scope="module")
def holder_file(data_root: Path) -> Path:
    return data_root / HOLDER_PATH.format(biz_dt=BIZ_DT)


@pytest.fixture(scope="module")
def by_contract(contract_file: Path) -> dict[str, list[Cells]]:
    """Rows of each contract_no in the order of the file."""
    rows: dict[str, list[Cells]] = defaultdict(list)
    for cells in read_cells(contract_file):
        rows[cells["contract_no"].strip()].append(cells)
    return rows


def state(root: Path, biz_dt: date, contract_count: int = 20_000) -> dict[str, dict[str, Any]]:
    contracts, holders = write_extract(root, biz_dt, contract_count=contract_count)
    return expected_rows(contracts, holders, biz_dt)


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """What the row says of the contract, whatever the date of the extract."""
    return {name: value for name, value in row.items() if name != "biz_dt"}


# The same bytes everywhere


def test_bytes_are_the_same_on_every_system_and_python(tmp_path: Path) -> None:
    files = write_extract(tmp_path, BIZ_DT, contract_count=1_000)

    assert [sha256(file.read_bytes()).hexdigest() for file in files] == [
        "cd1b0f02c103827fc8e11b3a0583680dedfe247536bcc91d5a391f10890f2fed",
        "7a2fca9a3ed391178f5002ab207c949ba46ea453ec5218a61f8873ae657c35c7",
    ]


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    first = {file: file.read_bytes() for file in write_extract(tmp_path, BIZ_DT, contract_count=50)}

    again = write_extract(tmp_path, BIZ_DT, contract_count=50)

    assert {file: file.read_bytes() for file in again} == first
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == set(first)


def test_another_seed_is_another_business(tmp_path: Path) -> None:
    one = [f.read_bytes() for f in write_extract(tmp_path, BIZ_DT, contract_count=50)]
    two = [f.read_bytes() for f in write_extract(tmp_path, BIZ_DT, seed=2, contract_count=50)]

    assert one[0] != two[0]
    assert one[1] != two[1]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_extract(tmp_path, BIZ_DT, contract_count=50)
    before = {file: file.read_bytes() for file in files}

    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_extract(tmp_path, BIZ_DT, seed=2, contract_count=50)

    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


# The quirks are there


def test_twenty_thousand_contracts_and_some_late_rows(by_contract: dict[str, list[Cells]]) -> None:
    assert len(by_contract) == 20_000
    assert 100 < sum(len(rows) - 1 for rows in by_contract.values()) < 400


def test_late_rows_are_newer_older_tied_and_equal(by_contract: dict[str, list[Cells]]) -> None:
    def age(cells: Cells) -> tuple[str, int]:
        text = cells["update_ts"]
        if "/" in text:
            text = f"{text[6:10]}-{text[3:5]}-{text[:2]}{text[10:]}"
        return text, int(cells["revision_no"])

    kinds: dict[str, int] = defaultdict(int)
    for first, late in (rows for rows in by_contract.values() if len(rows) == 2):
        (first_ts, first_no), (late_ts, late_no) = age(first), age(late)
        kinds["newer" if late_ts > first_ts else "older" if late_ts < first_ts else "tied"] += 1
        kinds["tied, late row wins"] += late_ts == first_ts and late_no > first_no
        kinds["tied, first row wins"] += late_ts == first_ts and late_no < first_no
        kinds["the same again"] += (late_ts, late_no) == (first_ts, first_no)

    assert len(kinds) == 6
    assert all(count >= 5 for count in kinds.values()), kinds


def test_repeated_keys_differ_by_blanks(by_contract: dict[str, list[Cells]]) -> None:
    late = [rows[1]["contract_no"] for rows in by_contract.values() if len(rows) == 2]

    assert late
    assert all(key.endswith(" ") for key in late)


@pytest.mark.parametrize(
    ("pattern", "at_least"),
    [
        pytest.param(r',"[^"\n]*,[^"\n]*",', 500, id="comma in quotes"),
        pytest.param(r',"Beneficiaries:\n1\. [^"]+",', 300, id="line break in quotes"),
        pytest.param(r'[^"]\r\n[^"]', 100, id="CR LF in quotes"),
        pytest.param(r'""[^,"\n]', 500, id="doubled quote"),
        pytest.param(r",,", 500, id="empty"),
        pytest.param(r',"",', 500, id="quoted empty"),
        pytest.param(r",NULL,", 500, id="NULL"),
        pytest.param(r",\\N,", 500, id="backslash N"),
        pytest.param(r",\d{4}-\d\d-\d\d,", 5_000, id="ISO date"),
        pytest.param(r",\d\d/\d\d/\d{4},", 5_000, id="day first"),
        pytest.param(r",  [^ ,]", 100, id="leading blanks"),
        pytest.param(r"[^ ,] ,", 100, id="trailing blank"),
        pytest.param(r",-\d+\.\d\d,", 500, id="negative amount"),
        pytest.param(r",0\d{4},", 500, id="code with leading zeros"),
    ],
)
def test_contract_file_has_the_quirk(contract_file: Path, pattern: str, at_least: int) -> None:
    with contract_file.open(encoding="utf-8", newline="") as file:
        text = file.read()

    assert len(re.findall(pattern, text)) >= at_least


def test_names_are_of_many_scripts(holder_file: Path) -> None:
    names = [cells["full_name"] for cells in read_cells(holder_file)]

    for low, high in [
        ("\u00c0", "\u017f"),  # Latin with marks
        ("\u0370", "\u03ff"),  # Greek
        ("\u0400", "\u04ff"),  # Cyrillic
        ("\u0590", "\u05ff"),  # Hebrew
        ("\u0600", "\u06ff"),  # Arabic
        ("\u0900", "\u097f"),  # Devanagari
        ("\u0e00", "\u0e7f"),  # Thai
        ("\u4e00", "\u9fff"),  # Han
        ("\uac00", "\ud7af"),  # Hangul
        ("\U00020000", "\U0003ffff"),  # Han beyond the basic plane
    ]:
        assert sum(any(low <= letter <= high for letter in name) for name in names) > 100, low
    assert any("Null" in name for name in names)


def test_addresses_have_commas_line_breaks_and_quotes(holder_file: Path) -> None:
    addresses = [cells["address"] for cells in read_cells(holder_file)]

    for mark in (",", "\n", "\r\n", '"'):
        assert sum(mark in address for address in addresses) > 1_000


def test_some_contracts_have_no_holder(by_contract: dict[str, list[Cells]], holder_file: Path):
    known = {cells["holder_id"].strip() for cells in read_cells(holder_file)}
    wanted = [rows[0]["holder_id"].strip() for rows in by_contract.values()]

    assert 10 < sum(not holder.startswith("H") for holder in wanted) < 200
    assert 10 < sum(holder.startswith("H") and holder not in known for holder in wanted) < 200


def test_some_holders_are_repeated(holder_file: Path) -> None:
    ids = [cells["holder_id"].strip() for cells in read_cells(holder_file)]

    assert 50 < len(ids) - len(set(ids)) < 500


# From day to day


def test_a_day_changes_a_little(tmp_path: Path) -> None:
    before = state(tmp_path, BIZ_DT)
    after = state(tmp_path, BIZ_DT + timedelta(days=1))
    kept = before.keys() & after.keys()
    changed = [key for key in kept if facts(before[key]) != facts(after[key])]

    assert len(before) == len(after) == 20_000
    assert 20 < len(after.keys() - before.keys()) < 200
    assert 20 < len(before.keys() - after.keys()) < 200
    assert 50 < len(changed) < 1_000


def test_a_change_of_the_contract_carries_a_newer_time_and_revision(tmp_path: Path) -> None:
    before = state(tmp_path, BIZ_DT, 2_000)
    after = state(tmp_path, BIZ_DT + timedelta(days=1), 2_000)

    holder_only = {"holder_name", "holder_birth_date", "holder_address", "holder_country_code"}
    for key in before.keys() & after.keys():
        old, new = facts(before[key]), facts(after[key])
        if any(old[name] != new[name] for name in old.keys() - holder_only):
            assert new["source_update_ts"].date() == BIZ_DT + timedelta(days=1)
            assert new["source_update_ts"] > old["source_update_ts"]
            assert new["revision_no"] > old["revision_no"]


def test_nothing_of_a_date_lies_after_it(tmp_path: Path) -> None:
    for row in state(tmp_path, BIZ_DT, 2_000).values():
        assert row["source_update_ts"].date() <= BIZ_DT
        assert row["issue_date"] <= row["effective_date"] <= BIZ_DT
        assert row["expiry_date"] is None or row["expiry_date"] > BIZ_DT


def test_a_contract_that_is_gone_never_returns(tmp_path: Path) -> None:
    days = [set(state(tmp_path, BIZ_DT + timedelta(days=30 * n), 1_000)) for n in range(12)]

    for first, second in pairwise(days):
        gone = first - second
        assert gone
        assert not any(gone & later for later in days[days.index(second) :])


@pytest.mark.parametrize("biz_dt", [date(1970, 1, 1), date(2000, 2, 29), date(2099, 12, 31)])
def test_far_dates_work(tmp_path: Path, biz_dt: date) -> None:
    assert len(state(tmp_path, biz_dt, 200)) == 200
