"""What JOB_1001 has to land, worked out from the files by the standard library alone."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Cells = dict[str, str]


def expected_rows(contract_csv: Path, holder_csv: Path, biz_dt: date) -> dict[str, dict[str, Any]]:
    """Every landed row by contract_no, each column as the Python value Spark collects."""
    holders = {
        _text(cells["holder_id"]): cells
        for cells in sorted(read_cells(holder_csv), key=lambda cells: _time(cells["update_ts"]))
    }
    contracts: dict[str | None, Cells] = {}
    for cells in sorted(read_cells(contract_csv), key=_age):
        contracts[_text(cells["contract_no"])] = cells
    return {
        str(key): _landed(cells, holders.get(_text(cells["holder_id"])), biz_dt)
        for key, cells in contracts.items()
    }


def read_cells(path: Path) -> list[Cells]:
    """The rows of a file as the text between the commas."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _landed(contract: Cells, holder: Cells | None, biz_dt: date) -> dict[str, Any]:
    who = holder or dict.fromkeys(("full_name", "birth_date", "address", "country_code"), "")
    return {
        "contract_no": _text(contract["contract_no"]),
        "product_code": _text(contract["product_code"]),
        "product_name": _text(contract["product_name"]),
        "status_code": _text(contract["status_code"]),
        "currency_code": _text(contract["currency_code"]),
        "sum_assured_amt": _amount(contract["sum_assured"]),
        "premium_amt": _amount(contract["premium"]),
        "outstanding_amt": _amount(contract["outstanding"]),
        "issue_date": _day(contract["issue_date"]),
        "effective_date": _day(contract["effective_date"]),
        "expiry_date": _day(contract["expiry_date"]),
        "agent_code": _text(contract["agent_code"]),
        "remarks": _text(contract["remarks"]),
        "holder_id": _text(contract["holder_id"]),
        "holder_name": _text(who["full_name"]),
        "holder_birth_date": _day(who["birth_date"]),
        "holder_address": _text(who["address"]),
        "holder_country_code": _text(who["country_code"]),
        "revision_no": int(contract["revision_no"].strip(" ")),
        "source_update_ts": _time(contract["update_ts"]),
        "biz_dt": biz_dt.isoformat(),
    }


def _age(cells: Cells) -> tuple[datetime, int]:
    return _time(cells["update_ts"]), int(cells["revision_no"].strip(" "))


def _text(cell: str) -> str | None:
    text = cell.strip(" ")
    return None if text in {"", "NULL", "\\N"} else text


def _amount(cell: str) -> Decimal | None:
    text = _text(cell)
    return None if text is None else Decimal(text)


def _day(cell: str) -> date | None:
    text = _text(cell)
    if text is None:
        return None
    return datetime.strptime(text, "%d/%m/%Y" if "/" in text else "%Y-%m-%d").date()


def _time(cell: str) -> datetime:
    text = cell.strip(" ")
    return datetime.strptime(text, "%d/%m/%Y %H:%M:%S" if "/" in text else "%Y-%m-%d %H:%M:%S")
