"""The open book: a law that would not hold gives the whole database transaction up."""

import pytest

from portal import pricing
from portal.ledger import commands as asked
from portal.ledger.book import About, Book
from portal.ledger.errors import LawBrokenError
from portal.ledger.model import SYSTEM
from portal.ledger.plans import put_account, unopened
from tests.ledger.stories import ids

TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])
NOW = TARIFFS[0].effective_at + 1


def book() -> Book:
    """The book of an account on the free plan, with its first allocation of 1,000 credits."""
    command = asked.PutAccount(account_id="ada", name="Ada", tier="free")
    opened = Book(unopened(command, NOW), NOW, TARIFFS, ids())
    put_account(opened, command)
    return opened


@pytest.mark.parametrize(("amount", "pinned"), [(-1_001, 0), (0, 1_001), (0, -1)])
def test_no_grant_gives_or_pins_what_it_has_not(amount: int, pinned: int) -> None:
    ada = book()
    [grant] = ada.grants
    with pytest.raises(LawBrokenError, match="law 3"):
        ada.draft("debit", About("usage"), [(grant.id, amount, pinned)], occurred_at=NOW)


def test_no_entry_passes_the_overdraft() -> None:
    ada = book()
    with pytest.raises(LawBrokenError, match="law 3 would not hold on account ada at seq 2"):
        ada.draft("debit", About("usage"), [(None, -1_001, 0)], occurred_at=NOW)


def test_an_entry_of_nobody_in_particular_is_the_systems() -> None:
    entry = book().drafts[0].entry
    assert (entry.actor_kind, entry.actor) == SYSTEM[:2]
