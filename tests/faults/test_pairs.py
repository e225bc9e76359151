"""Every two commands at once on one account: what comes of it is one after the other, either way.

Each pair is also asked in order, both ways, on accounts of their own: answers, entries and the
hold of the race must be those of one of the two, to the credit and the microsecond.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from portal import ledger
from tests.faults.bank import (
    SOON,
    Bank,
    Told,
    asked,
    at_once,
    debit,
    hold,
    purchase,
    refund,
)
from tests.rounds import ROUNDS

pytestmark = pytest.mark.faults
MINUTE = 60_000_000
# When each is asked: for one the hold has run out, for another the month is over as well.
TIMES = {"expire": SOON + 20 * MINUTE, "turnover": SOON + 40 * ledger.DAY}
NAMES = ("place", "debit", "extend", "capture", "release", "expire", "refund", "grant", "turnover")
COMPARED = (
    "kind",
    "reason",
    "amount",
    "hold_amount",
    "posted_after",
    "held_after",
    "occurred_at",
    "recorded_at",
    "resolution",
)
PAIRS = list(itertools.combinations_with_replacement(NAMES, 2))


class Stage(NamedTuple):
    """An account of 1,000 credits: 300 are charged, 300 set aside."""

    account: str
    charge: str
    hold: str


class End(NamedTuple):
    """How an account ended, without what is different each time: ids and hashes."""

    answers: tuple[str, str]
    entries: tuple[tuple[object, ...], ...]
    hold: tuple[object, ...]


def staged(bank: Bank, account: str) -> Stage:
    """Set up one account."""
    bank.account(account)
    charge = bank.done(debit(account, "before", 300)).entry
    # Another life than the hold that is raced: holds that end at once end in the order of ids.
    held = bank.done(replace(hold(account, "held", 300), ttl_seconds=800)).hold
    assert charge is not None
    assert held is not None
    return Stage(account, charge.id, held.id)


def command(stage: Stage, name: str, side: int) -> ledger.Command:
    """What one side of a pair asks, under a key of its own."""
    account, held, key = stage.account, stage.hold, f"{name}-{side}-{stage.account}"
    made = asked(key)
    kinds: dict[str, Callable[[], ledger.Command]] = {
        "place": lambda: hold(account, "raced", 300, key),
        "debit": lambda: debit(account, "raced", 300, key),
        "extend": lambda: ledger.ExtendHold(hold_id=held, ttl_seconds=3_000, quantity=450, **made),
        "capture": lambda: ledger.CaptureHold(hold_id=held, credits=150, **made),
        "release": lambda: ledger.ReleaseHold(hold_id=held, reason="failed", **made),
        "refund": lambda: refund(stage.charge, side, 250, key),
        "grant": lambda: purchase(account, f"pay-{account}", 500, key),
    }
    return kinds[name]() if name in kinds else ledger.Advance(account_id=account)


def ask(bank: Bank, stage: Stage, name: str, side: int) -> Told:
    """Ask one side of a pair, at its time."""
    return bank.ask(command(stage, name, side), TIMES.get(name))


def ended(bank: Bank, stage: Stage, first: Told, second: Told) -> End:
    """How an account ended after both were answered."""
    with bank.database.reading() as connection:
        held = ledger.get_hold(connection, stage.account, stage.hold)
    entries = tuple(
        tuple(getattr(each, name) for name in COMPARED) for each in bank.entries(stage.account)
    )
    hold_end = (held.status, held.amount, held.captured, held.expires_at, held.resolved_seq)
    return End((first.code, second.code), entries, hold_end)


def in_order(bank: Bank, account: str, names: tuple[str, str], first: int) -> End:
    """One after the other: side `first` first."""
    stage, told = staged(bank, account), {}
    for side in (first, 1 - first):
        told[side] = ask(bank, stage, names[side], side)
    return ended(bank, stage, told[0], told[1])


def raced(bank: Bank, account: str, names: tuple[str, str]) -> End:
    """Both at the same moment."""
    stage = staged(bank, account)
    first, second = at_once(
        [lambda: ask(bank, stage, names[0], 0), lambda: ask(bank, stage, names[1], 1)]
    )
    return ended(bank, stage, first, second)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.gate
def test_two_at_once_end_as_one_after_the_other(bank: Bank, name: str) -> None:
    for names in (pair for pair in PAIRS if pair[0] == name):
        words = "-".join(names)
        orders = [in_order(bank, f"{words}-order-{first}", names, first) for first in (0, 1)]
        for turn in range(2 * ROUNDS):
            end = raced(bank, f"{words}-race-{turn}", names)
            assert end in orders, names
    assert bank.differences() == ()


@pytest.mark.gate
def test_the_matrix_has_every_pair_and_a_hold_ends_once_in_each() -> None:
    assert len(PAIRS) == 45


@pytest.mark.gate
def test_pairs_that_end_a_hold_agree_on_how(bank: Bank) -> None:
    """The control: the two orders differ, so a race has something to decide."""
    enders = ("capture", "release", "expire")
    for names in itertools.combinations(enders, 2):
        orders = [in_order(bank, f"{'-'.join(names)}-{first}", names, first) for first in (0, 1)]
        assert orders[0] != orders[1]
        for end in orders:
            assert sum(entry[-1] is not None for entry in end.entries) == 1
