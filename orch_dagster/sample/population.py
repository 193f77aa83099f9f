"""Compute the contracts and holders of a date, independently of other dates.

The business is a fixed number of slots. A slot always holds one contract; at the end of its term
the next one takes the slot, and during the term it is revised now and then. Terms and revisions are
cycles of whole days, each with an offset, so the state of any date is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from orch_dagster.sample.dice import Dice
from orch_dagster.sample.texts import CULTURES, CURRENCIES, PRODUCTS, REMARKS, STATUSES, Culture

_DAY_S = 86_400
# Every fifth slot belongs to the holder of the slot before it.
_SHARED_EVERY = 5


@dataclass(frozen=True, slots=True)
class Contract:
    """A revision of a contract; amounts are in units of `currency_code`."""

    contract_no: str
    holder_id: str | None
    product_code: str
    product_name: str
    status_code: str
    currency_code: str
    sum_assured: Decimal
    premium: Decimal
    outstanding: Decimal | None
    issue_date: date
    effective_date: date
    expiry_date: date | None
    agent_code: str | None
    remarks: str | None
    revision_no: int
    update_ts: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """A policy holder as of the last change of address."""

    holder_id: str
    full_name: str
    birth_date: date | None
    address: str | None
    country_code: str
    update_ts: datetime


class Cycle(NamedTuple):
    """Endless turns of equal length, in days."""

    length_days: int
    offset_days: int

    @classmethod
    def drawn(cls, dice: Dice, shortest_days: int, longest_days: int) -> Cycle:
        """Draw a length between the two and an offset within it."""
        length = dice.between(shortest_days, longest_days)
        return cls(length, dice.below(length))

    def turn(self, day: int) -> int:
        """Return the number of the turn that holds the day (an ordinal, as in date.toordinal)."""
        return (day + self.offset_days) // self.length_days

    def start(self, day: int) -> int:
        """Return the first day of the turn that holds the day."""
        return day - (day + self.offset_days) % self.length_days


class Business:
    """All contracts and holders of one seed.

    Args:
        seed: The seed of the business.
        contract_count: The number of contracts on any date, each with its own contract_no.
    """

    def __init__(self, seed: int, contract_count: int) -> None:
        self._seed = seed
        self.contract_count = contract_count

    def contract(self, slot: int, biz_dt: date) -> Contract:
        """Return the slot's contract at the end of biz_dt."""
        return self._contract(slot, biz_dt.toordinal())

    def earlier_contract(self, slot: int, biz_dt: date) -> Contract | None:
        """Return the revision before the one of biz_dt; None if the contract has only one."""
        day = biz_dt.toordinal()
        life, revisions = self._cycles(slot)
        revised = revisions.start(day)
        return self._contract(slot, revised - 1) if revised > life.start(day) else None

    def owner(self, slot: int) -> int:
        """Return the slot whose holder holds this slot's contract."""
        return slot - 1 if slot % _SHARED_EVERY == _SHARED_EVERY - 1 else slot

    def holder(self, slot: int, biz_dt: date) -> Holder:
        """Return the holder of an owner's slot at the end of biz_dt."""
        return self._holder(slot, biz_dt.toordinal())

    def earlier_holder(self, slot: int, biz_dt: date) -> Holder:
        """Return the holder before the last change of address."""
        return self._holder(slot, self._moves(slot).start(biz_dt.toordinal()) - 1)

    def _cycles(self, slot: int) -> tuple[Cycle, Cycle]:
        dice = Dice(self._seed, "slot", slot)
        return Cycle.drawn(dice, 200, 600), Cycle.drawn(dice, 30, 180)

    def _contract(self, slot: int, day: int) -> Contract:
        life, revisions = self._cycles(slot)
        born = life.start(day)
        revised = max(revisions.start(day), born)
        revision = revisions.turn(day) - revisions.turn(born)
        fixed = Dice(self._seed, "contract", slot, born)
        moving = Dice(self._seed, "revision", slot, born, revision)
        product = fixed.pick(PRODUCTS)
        effective = date.fromordinal(born)
        thousands = fixed.between(10, 2_000)
        has_holder = not fixed.one_in(500)
        return Contract(
            contract_no=f"G{effective.year:04d}{effective.month:02d}-{slot:06d}",
            holder_id=holder_id(self.owner(slot)) if has_holder else None,
            product_code=product.code,
            product_name=product.name,
            status_code=moving.pick(STATUSES),
            currency_code=fixed.pick(CURRENCIES),
            sum_assured=_hundredths(thousands * 100_000),
            premium=_hundredths(thousands * product.rate_per_mille * moving.between(80, 120)),
            outstanding=None if moving.one_in(20) else _hundredths(moving.between(-9_999, 99_999)),
            issue_date=date.fromordinal(born - fixed.below(30)),
            effective_date=effective,
            expiry_date=date.fromordinal(born + life.length_days) if product.is_term else None,
            agent_code=None if fixed.one_in(25) else f"{fixed.below(800):05d}",
            remarks=moving.pick(REMARKS) if moving.one_in(4) else None,
            # A revision is drafted and confirmed: the draft has the odd number before it.
            revision_no=2 * revision + 2,
            update_ts=_moment(revised, moving),
        )

    def _moves(self, slot: int) -> Cycle:
        return Cycle.drawn(Dice(self._seed, "moves", slot), 300, 1_500)

    def _holder(self, slot: int, day: int) -> Holder:
        moved = self._moves(slot).start(day)
        fixed = Dice(self._seed, "holder", slot)
        moving = Dice(self._seed, "address", slot, moved)
        culture = fixed.pick(CULTURES)
        given, family = fixed.pick(culture.given), fixed.pick(culture.family)
        born = date(1940, 1, 1) + timedelta(days=fixed.below(60 * 365))
        return Holder(
            holder_id=holder_id(slot),
            full_name=culture.name_order.format(given=given, family=family),
            birth_date=None if fixed.one_in(60) else born,
            address=None if moving.one_in(40) else _address(culture, moving),
            country_code=culture.country_code,
            update_ts=_moment(moved, moving),
        )


def holder_id(slot: int) -> str:
    """Return the holder_id of an owner's slot."""
    return f"H{slot:07d}"


def _address(culture: Culture, dice: Dice) -> str:
    street = f"{dice.between(1, 250)} {dice.pick(culture.streets)}"
    town = f"{dice.pick(culture.towns)} {dice.below(100_000):05d}"
    return dice.pick(
        (
            f"{street}, {town}",
            f"{street}\n{town}",
            f"{street},\r\n{town}",
            f'{street}, flat "{dice.pick("ABCD")}"\n{town}, {culture.country_code}',
        )
    )


def _moment(day: int, dice: Dice) -> datetime:
    midnight = datetime.combine(date.fromordinal(day), datetime.min.time())
    return midnight + timedelta(seconds=dice.below(_DAY_S))


def _hundredths(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-2)
