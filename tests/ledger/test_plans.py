"""Plans: who may be on which, so that no account is ever left on one that has ended."""

import pytest

from portal import pricing
from portal.ledger import commands as asked
from tests.ledger.memory import MemoryLedger
from tests.ledger.stories import ADMIN, FIRST, Story, at, done, ids, refused

# From 1 March nobody can be on pro any more; published while nobody is.
ENDING = (
    FIRST.replace('"first"', '"ending"')
    .replace("2026-01-01T", "2026-03-01T")
    .partition("[tiers.pro]")[0]
)


def story() -> Story:
    texts = (FIRST, ENDING)
    tariffs = pricing.Tariffs(pricing.parse_tariff(text, "a tariff") for text in texts)
    return Story(MemoryLedger(tariffs, ids()))


@pytest.mark.parametrize("before", [None, "free"])
def test_nobody_goes_to_a_plan_that_a_published_price_list_ends(before: str | None) -> None:
    ada = story()
    if before is not None:
        ada.open(before)
    command = asked.PutAccount(account_id="ada", name="Ada", tier="pro", actor=ADMIN)
    refused(ada.ask(command), pricing.UnknownTierError)
    ada.open("plus")
    ada.now = at("2026-03-20")
    done(ada.debit(1))
