"""Balances now, after any entry, as recorded and as effective."""

import pytest

from portal.ledger import balances
from portal.ledger.balances import Balance
from portal.ledger.errors import AccountNotFoundError, ValidationError
from portal.ledger.history import page
from portal.ledger.model import DAY, Entry
from tests.ledger.conftest import Lived

READS = (
    balances.balance_now,
    lambda connection, account: balances.balance_at_seq(connection, account, 0),
    lambda connection, account: balances.balance_recorded_at(connection, account, 5),
    lambda connection, account: balances.balance_effective_at(connection, account, 5),
)


def all_of(lived: Lived, account: str) -> list[Entry]:
    with lived.database.reading() as connection:
        return list(reversed(page(connection, account, limit=1_000).entries))


def test_what_is_available_is_posted_less_held() -> None:
    assert Balance("ada", 10, 3, 1, 0).available == 7


def test_now_is_after_the_last_entry(lived: Lived) -> None:
    last = all_of(lived, "ada")[-1]
    with lived.database.reading() as connection:
        now = balances.balance_now(connection, "ada")
        at_last = balances.balance_at_seq(connection, "ada", last.seq)
    assert now == (last.account_id, last.posted_after, last.held_after, last.seq, last.recorded_at)
    assert at_last == now


def test_the_balance_after_each_entry_is_the_sum_up_to_it(lived: Lived) -> None:
    posted = held = 0
    with lived.database.reading() as connection:
        for entry in all_of(lived, "ada"):
            posted, held = posted + entry.amount, held + entry.hold_amount
            found = balances.balance_at_seq(connection, "ada", entry.seq)
            assert (found.posted, found.held, found.seq) == (posted, held, entry.seq)


def test_before_the_first_entry_there_is_nothing(lived: Lived) -> None:
    with lived.database.reading() as connection:
        assert balances.balance_at_seq(connection, "ada", 0)[:4] == ("ada", 0, 0, 0)
        assert balances.balance_recorded_at(connection, "ada", 7) == ("ada", 0, 0, 0, 7)
        assert balances.balance_effective_at(connection, "ada", 7) == ("ada", 0, 0, 0, 7)


def test_a_seq_still_to_come_is_refused_with_the_last_one(lived: Lived) -> None:
    last = all_of(lived, "bob")[-1].seq
    with lived.database.reading() as connection:
        for seq in (last + 1, -1):
            with pytest.raises(ValidationError) as caught:
                balances.balance_at_seq(connection, "bob", seq)
            assert caught.value.rule == f"must be from 0 to {last}"


@pytest.mark.parametrize("number", range(len(READS)))
def test_an_account_nobody_knows_has_no_balance(lived: Lived, number: int) -> None:
    with lived.database.reading() as connection, pytest.raises(AccountNotFoundError):
        READS[number](connection, "nobody")


def test_as_recorded_counts_what_was_written_by_then(lived: Lived) -> None:
    history = all_of(lived, "ada")
    for at in {entry.recorded_at + shift for entry in history for shift in (-1, 0, 1)}:
        known = [entry for entry in history if entry.recorded_at <= at]
        with lived.database.reading() as connection:
            found = balances.balance_recorded_at(connection, "ada", at)
        assert found.posted == sum(entry.amount for entry in known)
        assert found.held == sum(entry.hold_amount for entry in known)
        assert (found.seq, found.at) == (len(known), at)


def test_as_effective_counts_what_had_happened_by_then_however_late_it_was_written(
    lived: Lived,
) -> None:
    history = all_of(lived, "ada")
    late = [entry for entry in history if entry.occurred_at < entry.recorded_at - DAY]
    assert {entry.kind for entry in late} >= {"debit", "expiry", "grant"}
    for at in {entry.occurred_at + shift for entry in history for shift in (-1, 0, 1)}:
        known = [entry for entry in history if entry.occurred_at <= at]
        with lived.database.reading() as connection:
            found = balances.balance_effective_at(connection, "ada", at)
        assert found.posted == sum(entry.amount for entry in known)
        assert found.held == sum(entry.hold_amount for entry in known)
        assert found.seq == max((entry.seq for entry in known), default=0)
