"""What stands on an account: grants in burn order, open holds, and holds as they once stood."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from portal.database import Database
from portal.ledger import commands as asked
from portal.ledger import orphans, standing
from portal.ledger.burn import burn_key
from portal.ledger.errors import HoldNotFoundError
from portal.ledger.history import Filter, page
from portal.ledger.lookups import chain_of_hold
from portal.ledger.model import Entry, Hold
from tests.ledger.conftest import Lived
from tests.ledger.histories import MICROSECONDS, START, Teller, place


def holds_of(lived: Lived) -> Iterator[tuple[Hold, tuple[Entry, ...]]]:
    with lived.database.reading() as connection:
        for account in ("ada", "bob"):
            wanted = Filter(kinds=("hold",))
            for entry in page(connection, account, wanted, limit=1_000).entries:
                if entry.reason == "placed" and entry.hold_id:
                    hold = standing.get_hold(connection, account, entry.hold_id)
                    yield hold, chain_of_hold(connection, account, hold.id)


def test_grants_come_in_burn_order_and_live_ones_have_credits_to_spend(lived: Lived) -> None:
    with lived.database.reading() as connection:
        every = standing.grants_of(connection, "ada")
        live = standing.grants_of(connection, "ada", live_at=lived.now)
    assert list(every) == sorted(every, key=burn_key)
    assert live == tuple(
        grant
        for grant in every
        if grant.remaining > 0
        and grant.effective_at <= lived.now
        and (grant.expires_at is None or grant.expires_at > lived.now)
    )
    assert 0 < len(live) < len(every)


def test_a_hold_is_found_on_its_own_account_alone(lived: Lived) -> None:
    hold, _ = next(holds_of(lived))
    with lived.database.reading() as connection:
        assert standing.find_hold(connection, hold.id) == hold
        assert standing.find_hold(connection, "hld_nothing") is None
        assert standing.holds_by_id(connection, [hold.id, "hld_nothing"]) == {hold.id: hold}
        for account, hold_id in (("cy", hold.id), ("ada", "hld_nothing")):
            with pytest.raises(HoldNotFoundError):
                standing.get_hold(connection, account, hold_id)


def test_open_holds_come_with_the_first_to_expire_first(database: Database) -> None:
    with database.writing() as connection:
        teller = Teller(connection)
        teller.ask(asked.PutAccount, account_id="ada", name="Ada", tier="pro")
        later, sooner, closed = (place(teller, number, 10) for number in range(3))
        teller.ask(asked.ExtendHold, hold_id=later, ttl_seconds=3_600)
        teller.ask(asked.ReleaseHold, hold_id=closed, reason="failed")
    with database.reading() as connection:
        found = standing.open_holds(connection, "ada")
        assert standing.open_holds(connection, "bob") == ()
    assert [hold.id for hold in found] == [sooner, later]
    assert found[0].expires_at > START + 900 * MICROSECONDS


def test_a_hold_after_its_whole_chain_is_what_its_row_says(lived: Lived) -> None:
    statuses = set()
    for hold, chain in holds_of(lived):
        assert standing.hold_after(hold, chain) == hold
        statuses.add(hold.status)
    assert statuses == {"captured", "released", "expired"}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (standing.OPEN, "holds.status = 'open'"),
        (standing.LIVE, "grants.funded = 1"),
        (orphans.HELD_SUMS.broken, "holds.status = 'open'"),
    ],
)
def test_conditions_of_partial_indexes_are_said_in_words(
    statement: sa.Select[Any], words: str
) -> None:
    """PostgreSQL would not know from a value, in a plan that it keeps, that the index serves."""
    assert words in str(statement)


def test_a_hold_after_a_part_of_its_chain_stands_as_it_did_then(lived: Lived) -> None:
    hold, chain = next(found for found in holds_of(lived) if len(found[1]) == 5)
    then = [standing.hold_after(hold, chain[:length]) for length in range(1, 6)]
    assert [each.amount for each in then] == [1_000, 1_000, 1_500, 1_500, 1_500]
    assert [each.captured for each in then] == [0, 0, 0, 200, 500]
    assert [each.rest for each in then] == [1_000, 1_000, 1_500, 1_300, 1_000]
    assert [each.status for each in then] == ["open"] * 4 + ["captured"]
    assert then[0].quantity == 1_000
    assert then[0].expires_at < then[1].expires_at
    assert {each.resolved_seq for each in then[:4]} == {None}
