"""Many at once over real connections: exact sums, one outcome, no deadlock, nobody left waiting."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection

from portal import ledger
from tests.faults.bank import (
    OLGA,
    WAYS,
    Bank,
    Told,
    at_once,
    debit,
    hold,
    purchase,
    refund,
)
from tests.rounds import ROUNDS

pytestmark = pytest.mark.faults
Way = Callable[[Bank, Sequence[ledger.Command]], list[Told]]
MANY = 64
BATCHES = 6


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """In threads, in groups, in processes."""
    return WAYS[request.param]


def codes(answers: Sequence[Told]) -> Counter[str]:
    """How often each answer was given."""
    return Counter(answer.code for answer in answers)


@pytest.mark.gate
def test_funds_for_so_many_pay_exactly_so_many(bank: Bank, way: Way) -> None:
    for turn in range(ROUNDS):
        account = bank.account(f"acme-{turn}")
        commands = [debit(account, job) for job in range(MANY)]
        answers = way(bank, commands)
        check_exactly(bank, account, answers, 10)
        again = way(bank, commands)
        assert [each._replace(replayed=True) for each in answers] == again
    assert bank.differences() == ()


def check_exactly(bank: Bank, account: str, answers: Sequence[Told], paid: int) -> None:
    """So many debits of 100 were paid, all others refused, and the balance never fell below 0."""
    assert codes(answers) == {"posted": paid, "insufficient_credits": len(answers) - paid}
    entries = bank.entries(account)
    assert [entry.posted_after for entry in entries] == list(range(1_000, -1, -100))
    assert bank.available(account) == 0


def test_a_cap_for_so_many_lets_exactly_so_many_through(bank: Bank, way: Way) -> None:
    for turn in range(ROUNDS):
        account = bank.account(f"acme-{turn}", "pro")
        cap = ledger.SetCap(account_id=account, limit="credits_per_day", credits=700, actor=OLGA)
        bank.done(cap)
        held = bank.done(hold(account, "held", 50)).hold
        assert held is not None
        answers = way(bank, [debit(account, job) for job in range(MANY)])
        assert codes(answers) == {"posted": 6, "limit_reached": MANY - 6}
        assert bank.available(account) == 100_000 - 650
    assert bank.differences() == ()


@pytest.mark.gate
def test_the_same_debit_many_times_is_one(bank: Bank, way: Way) -> None:
    for turn in range(ROUNDS):
        account = bank.account(f"acme-{turn}")
        answers = way(bank, [debit(account, "same")] * MANY)
        check_one(bank, account, answers)
    assert bank.differences() == ()


def check_one(bank: Bank, account: str, answers: Sequence[Told]) -> None:
    """One answer is fresh, all others replay it in the same bytes, and there is one debit."""
    assert codes(answers) == {"posted": len(answers)}
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: len(answers) - 1}
    assert len({answer.said for answer in answers}) == 1
    assert [entry.kind for entry in bank.entries(account)] == ["grant", "debit"]


@pytest.mark.gate
def test_one_job_under_many_keys_is_charged_once(bank: Bank, way: Way) -> None:
    account = bank.account("acme")
    answers = way(bank, [debit(account, "same", key=f"key-{n:012}") for n in range(MANY)])
    assert codes(answers) == {"posted": 1, "already_charged": MANY - 1}
    assert bank.available(account) == 900


def test_one_key_for_many_jobs_is_one_of_them(bank: Bank, way: Way) -> None:
    accounts = [bank.account(f"acme-{n}") for n in range(8)]
    answers = way(bank, [debit(accounts[n % 8], n, key="one-key-for-all") for n in range(MANY)])
    assert codes(answers) == {"posted": 1, "idempotency_key_reused": MANY - 1}
    assert sum(bank.available(account) for account in accounts) == 7_900


@pytest.mark.gate
def test_refunds_in_parts_never_exceed_the_charge(bank: Bank, way: Way) -> None:
    for turn in range(ROUNDS):
        check_parts(bank, way, f"acme-{turn}")
    assert bank.differences() == ()


def check_parts(bank: Bank, way: Way, name: str = "parts") -> None:
    """Of sixteen refunds of 90 out of a charge of 700, seven are made."""
    account = bank.account(name)
    charged = bank.done(debit(account, "big", 700)).entry
    assert charged is not None
    answers = way(bank, [refund(charged.id, part, 90) for part in range(16)])
    assert codes(answers) == {"posted": 7, "refund_exceeds": 9}
    assert bank.available(account) == 1_000 - 700 + 630


def test_a_payment_gives_credits_to_one_account_once(bank: Bank, way: Way) -> None:
    accounts = [bank.account(f"acme-{n}") for n in range(8)]
    for turn in range(ROUNDS):
        payment = f"pay-{turn}"
        answers = way(bank, [purchase(account, payment) for account in accounts])
        assert codes(answers) == {"posted": 1, "already_granted": 7}
    assert sum(bank.available(account) for account in accounts) == 8_000 + 500 * ROUNDS
    assert bank.differences() == ()


def test_an_account_is_opened_once(bank: Bank, way: Way) -> None:
    answers = way(bank, [ledger.PutAccount(account_id="acme", name="Acme", tier="free")] * 16)
    assert codes(answers) == {"posted": 16}
    assert [entry.reason for entry in bank.entries("acme")] == ["allocation"]
    assert bank.differences() == ()


def test_a_month_is_turned_over_once(bank: Bank, way: Way) -> None:
    account = bank.account("acme")
    bank.now += 40 * ledger.DAY
    answers = way(bank, [ledger.Advance(account_id=account)] * 16)
    assert codes(answers) == {"posted": 16}
    reasons = [entry.reason for entry in bank.entries(account)]
    assert reasons == ["allocation", "period_end", "allocation"]


def test_batches_in_any_order_never_deadlock(bank: Bank) -> None:
    accounts = [bank.account(f"acme-{n}", "pro") for n in range(8)]
    for _ in range(ROUNDS):
        assert do_batches(bank, accounts, lambda *_: None) == [""] * 8
    assert {bank.available(account) for account in accounts} == {100_000 - 8 * BATCHES * ROUNDS}
    assert bank.differences() == ()


def do_batches(
    bank: Bank, accounts: Sequence[str], first: Callable[[Connection, Sequence[str]], None]
) -> list[str]:
    """Post batches over all accounts, in orders of their own, in eight threads: what failed.

    Without the tries that `run` has: a single deadlock shows. `first` is done before each batch.
    """
    tariffs, ids = bank.state.tariffs(), bank.state.ids

    def batches(seed: int) -> str:
        order = random.Random(seed)
        try:
            for _ in range(BATCHES):
                names = order.sample(accounts, len(accounts))
                commands = [debit(name, order.random(), 1) for name in names]
                with bank.database.writing() as connection:
                    first(connection, names)
                    ledger.post(connection, commands, now=bank.now, tariffs=tariffs, ids=ids)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    seeds = [random.random() for _ in range(8)]
    return at_once([lambda seed=seed: batches(seed) for seed in seeds])  # type: ignore[misc]
