"""Batches at the same time, over accounts in opposite orders: no deadlock, each key done once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.database.postgresql import SETTINGS
from portal.internal.replies import posted_reply
from portal.internal.strict_json import write
from tests.faults.bank import Bank, asked, at_once, debit, hold

pytestmark = pytest.mark.faults
Answers = list[ledger.Outcome | Exception]


def of(answer: ledger.Outcome | Exception) -> str:
    """What a service would see of an answer: the bytes, or the code."""
    if isinstance(answer, ledger.Posted):
        return write(posted_reply(answer))
    error = answer.error if isinstance(answer, ledger.Refused) else answer
    return ledger.code_of(type(error))


def test_overlapping_batches_and_single_requests_do_each_key_once(bank: Bank) -> None:
    accounts = [bank.account(f"acme-{n}", "pro") for n in range(8)]
    commands: list[ledger.Command] = [
        (hold if job % 4 == 3 else debit)(account, job) for account in accounts for job in range(8)
    ]

    def batch(order: Sequence[ledger.Command]) -> Callable[[], Answers]:
        return lambda: bank.state.submit_all(order)

    def single(command: ledger.Command) -> Callable[[], Answers]:
        return lambda: [bank.state.submit(command)]

    orders = [commands, commands[::-1]] * 3
    alone = random.sample(commands, 16)
    answers = at_once([*map(batch, orders), *map(single, alone)])
    of_key: dict[str, set[str]] = {}
    fresh: Counter[str] = Counter()
    for order, found in zip([*orders, *([each] for each in alone)], answers, strict=True):
        for command, answer in zip(order, found, strict=True):
            assert isinstance(answer, ledger.Posted), answer
            assert command.request is not None
            of_key.setdefault(command.request.key, set()).add(of(answer))
            fresh[command.request.key] += not answer.replayed
    assert set(fresh.values()) == {1}
    assert {len(bytes_) for bytes_ in of_key.values()} == {1}
    assert {bank.available(account) for account in accounts} == {100_000 - 800}
    assert bank.differences() == ()


def test_atomic_batches_that_race_for_credits_are_whole_or_nothing(bank: Bank) -> None:
    accounts = [bank.account("acme-0"), bank.account("acme-1")]  # 1,000 credits each

    def batch(number: int) -> Callable[[], Answers]:
        order = accounts[:: (-1) ** number]
        commands = [debit(name, f"{number}-{part}") for name in order for part in range(2)]

        def ask() -> Answers:
            try:
                return bank.state.submit_all(commands, atomic=True)
            except ledger.UndoneError as undone:
                return [undone.error]

        return ask

    answers = at_once([batch(number) for number in range(12)])
    sizes = Counter(len(each) for each in answers)
    assert sizes == {4: 5, 1: 7}
    assert {of(each[0]) for each in answers if len(each) == 1} == {"insufficient_credits"}
    assert [bank.available(account) for account in accounts] == [0, 0]
    for account in accounts:
        keys = Counter(entry.idempotency_key for entry in bank.entries(account)[1:])
        assert len(keys) == 10
    assert bank.differences() == ()


def narrow(bank: Bank, between: ledger.Command) -> list[ledger.Command]:
    """Commands of which the last one is only paid for by the one before it."""
    held = bank.done(hold("acme", "held", 900)).hold
    assert held is not None
    release = ledger.ReleaseHold(hold_id=held.id, reason="failed", **asked("release", hold=held.id))
    return [debit("acme", "first", 50), between, release, debit("acme", "last", 900)]


def check_order(found: Answers) -> ledger.Outcome | Exception:
    """All but the second are done, one after the other; gives that one's answer."""
    first, between, *rest = found
    seqs = [
        each.entry.seq for each in (first, *rest) if isinstance(each, ledger.Posted) and each.entry
    ]
    assert seqs == [3, 4, 5], found
    return between


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)  # SQLite locks no single rows
def test_an_account_that_somebody_keeps_changes_no_order(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A debit before what pays for it would be refused, and its key bound to that for ever."""
    for name in ("acme", "kept"):
        bank.account(name)
    commands = narrow(bank, debit("kept", "between"))
    monkeypatch.setitem(SETTINGS, "lock_timeout", "100ms")
    with closing(Bank(bank.config)) as quick, bank.database.writing() as connection:
        connection.execute(sa.text("SELECT FROM accounts WHERE id = 'kept' FOR NO KEY UPDATE"))
        found = quick.state.submit_all(commands)
    assert isinstance(check_order(found), ledger.InProgressError)


def test_a_command_that_the_database_refuses_changes_no_order(bank: Bank) -> None:
    for name in ("acme", "other"):
        bank.account(name)
    labels = b"bytes" if bank.database.dialect == "sqlite" else "\0"
    poisoned = replace(debit("other", "between"), labels=labels)  # type: ignore[arg-type]
    found = bank.state.submit_all(narrow(bank, poisoned))
    assert isinstance(check_order(found), Exception)
    assert bank.differences() == ()
