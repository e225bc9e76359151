"""The podcaster went up and down again, and is short of credits now."""

from portal import ledger
from portal.cli.demo.stage import Scene
from portal.cli.demo.wanderlust import ACCOUNT
from tests.cli.demo.conftest import NOW, Filled, Tell


def test_the_plan_went_up_at_once_and_down_at_the_periods_end(filled: Filled) -> None:
    with filled.database.reading() as connection:
        revisions = ledger.revisions_of(connection, ACCOUNT)
    told = [(each.reason, each.tier, each.next_tier) for each in reversed(revisions)]
    assert told == [
        ("opened", "starter", None),
        ("turnover", "starter", None),
        ("upgrade", "pro", None),
        ("turnover", "pro", None),
        ("downgrade", "pro", "starter"),
        ("turnover", "starter", None),
    ]


def test_the_upgrade_gave_its_share_of_the_period(filled: Filled) -> None:
    with filled.database.reading() as connection:
        page = ledger.page(connection, ACCOUNT, ledger.Filter(kinds=("grant",)), limit=100)
    [upgrade] = [entry for entry in page.entries if entry.reason == "upgrade"]
    assert 0 < upgrade.amount < 70_000


def test_credits_ran_out_and_the_refusals_say_so(filled: Filled) -> None:
    with filled.database.reading() as connection:
        refusals = ledger.recent_refusals(connection, ACCOUNT, since=0, limit=500)
        account = ledger.get_account(connection, ACCOUNT)
    codes = {refusal.code for refusal in refusals}
    assert codes == {"insufficient_credits", "limit_reached"}
    assert max(refusal.recorded_at for refusal in refusals) > NOW - 2 * 3_600_000_000
    assert any(r.required and r.available < r.required for r in refusals)
    assert 0 <= account.available < 2_000


def test_part_of_a_period_rolled_over(filled: Filled) -> None:
    with filled.database.reading() as connection:
        grants = ledger.grants_of(connection, ACCOUNT, live_at=None)
    assert {grant.origin for grant in grants} >= {"allocation", "rollover"}


def test_a_few_days_are_a_story_too(tell: Tell) -> None:
    told = tell(Scene(NOW, 5))
    assert told.entries(ACCOUNT)[0].reason == "allocation"
    assert told.refusals(ACCOUNT) != ()
