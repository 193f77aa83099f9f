"""The extract of JOB_1001: entity GELS, source system FPMS, insurance contracts of a date.

It has two files in the style of an old policy system: cells with commas, line breaks and quotes,
several spellings of "no value", two date formats, stray blanks, and late rows that repeat a key.
The valid row of a key has the newest update_ts, and among those the highest revision_no; the order
in the file has no meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from orch_dagster.sample.dice import Dice
from orch_dagster.sample.files import write_csv
from orch_dagster.sample.population import Business, Contract, Holder
from orch_dagster.sample.spelling import Speller

CONTRACT_PATH = "data/gels/fpms/{biz_dt}/contract.csv"
HOLDER_PATH = "data/gels/fpms/{biz_dt}/policy_holder.csv"
CONTRACT_COUNT = 20_000
SEED = 1001

CONTRACT_COLUMNS = tuple(field.name for field in fields(Contract))
HOLDER_COLUMNS = tuple(field.name for field in fields(Holder))

_ONE_LATE_IN = 100
_ONE_HOLDER_MISSING_IN = 300

_Record = TypeVar("_Record", Contract, Holder)


def write_extract(
    root: Path, biz_dt: date, *, seed: int = SEED, contract_count: int = CONTRACT_COUNT
) -> list[Path]:
    """Write both files of a date; the same arguments give the same bytes everywhere.

    Each date is computed independently, yet a day differs from the day before as a real one would:
    some contracts are new, some changed, some gone.

    Args:
        root: The data root, under which CONTRACT_PATH and HOLDER_PATH are written.
        biz_dt: The business date.
        seed: The seed of the set of contracts.
        contract_count: The number of distinct contract_no; the late rows are additional.

    Returns:
        The contract file and the holder file.

    Raises:
        OSError: If a file can't be written; each file is replaced completely or not at all.
    """
    business = Business(seed, contract_count)
    # First, so that a contract file never lacks its holders.
    holder_file = write_csv(
        root / HOLDER_PATH.format(biz_dt=biz_dt),
        HOLDER_COLUMNS,
        (_cells(seed, holder) for holder in _holder_rows(seed, business, biz_dt)),
    )
    contract_file = write_csv(
        root / CONTRACT_PATH.format(biz_dt=biz_dt),
        CONTRACT_COLUMNS,
        (_cells(seed, contract) for contract in _contract_rows(seed, business, biz_dt)),
    )
    return [contract_file, holder_file]


def _contract_rows(seed: int, business: Business, biz_dt: date) -> Iterator[Contract]:
    """Yield one row for each contract in the order of the slots, then the late rows."""
    late: list[Contract] = []
    for slot in range(business.contract_count):
        current = business.contract(slot, biz_dt)
        dice = Dice(seed, "late contract", slot, biz_dt)
        if dice.one_in(_ONE_LATE_IN):
            other = _other_version(dice, business, slot, biz_dt, current)
            first, second = _in_drawn_order(dice, current, other)
            yield first
            late.append(_with_blank_key(second))
        else:
            yield current
    yield from late


def _other_version(
    dice: Dice, business: Business, slot: int, biz_dt: date, current: Contract
) -> Contract:
    """Return the contract's earlier revision, its draft of the same second, or the same again."""
    if dice.one_in(8):
        return current
    draft = replace(current, revision_no=current.revision_no - 1, status_code="DRAFT", remarks=None)
    if dice.one_in(5):
        return draft
    return business.earlier_contract(slot, biz_dt) or draft


def _holder_rows(seed: int, business: Business, biz_dt: date) -> Iterator[Holder]:
    """Yield one row for each owner, with a few left out and a few repeated by a former address."""
    late: list[Holder] = []
    for slot in range(business.contract_count):
        dice = Dice(seed, "holder row", slot)
        if business.owner(slot) != slot or dice.one_in(_ONE_HOLDER_MISSING_IN):
            continue
        current = business.holder(slot, biz_dt)
        if dice.one_in(_ONE_LATE_IN):
            first, second = _in_drawn_order(dice, current, business.earlier_holder(slot, biz_dt))
            yield first
            late.append(second)
        else:
            yield current
    yield from late


def _in_drawn_order(dice: Dice, current: _Record, other: _Record) -> tuple[_Record, _Record]:
    return (current, other) if dice.one_in(2) else (other, current)


def _with_blank_key(contract: Contract) -> Contract:
    """Pad the key, so that a reader that compares before it trims misses the repetition."""
    return replace(contract, contract_no=f"{contract.contract_no} ")


def _cells(seed: int, record: Contract | Holder) -> list[str]:
    """Spell a record by its content alone, so that an unchanged one is the same every day."""
    values = [getattr(record, name) for name in record.__slots__]
    speller = Speller(Dice(seed, "spelling", values[0], record.update_ts))
    return [speller.cell(value) for value in values]
