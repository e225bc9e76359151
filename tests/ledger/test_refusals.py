"""Reading refusals."""

from portal.ledger import refusals
from tests.ledger.conftest import Lived


def test_recent_refusals_come_newest_first_from_an_instant_on(lived: Lived) -> None:
    with lived.database.reading() as connection:
        found = refusals.recent_refusals(connection, "cy", since=0)
        newest = refusals.recent_refusals(connection, "cy", since=0, limit=1)
        since = refusals.recent_refusals(connection, "cy", since=found[1].recorded_at)
        assert refusals.recent_refusals(connection, "cy", since=lived.now + 1) == ()
        assert refusals.recent_refusals(connection, "nobody", since=0) == ()
        until = refusals.recent_refusals(connection, "cy", since=0, until=found[1].recorded_at)
    assert [each.code for each in found] == [
        "limit_reached",
        "insufficient_credits",
        "insufficient_credits",
    ]
    assert [each.command for each in found] == ["debit", "hold", "debit"]
    assert newest == found[:1]
    assert since == found[:2]
    assert until == found[2:]
    assert found[2].required == 9_000


def test_a_refusal_is_found_on_its_own_account_alone(lived: Lived) -> None:
    with lived.database.reading() as connection:
        refusal = refusals.recent_refusals(connection, "cy", since=0)[0]
        assert refusals.find_refusal(connection, "cy", refusal.id) == refusal
        assert refusals.find_refusal(connection, "ada", refusal.id) is None
