"""The newcomer has little left, and a gift that lapsed."""

from portal import ledger
from portal.cli.demo.mira import ACCOUNT, GIFT, LEFT
from portal.cli.demo.stage import Scene
from tests.cli.demo.conftest import NOW, Filled, Tell


def test_part_of_the_gift_was_used_and_the_rest_lapsed(filled: Filled) -> None:
    with filled.database.reading() as connection:
        page = ledger.page(connection, ACCOUNT, ledger.Filter(kinds=("expiry",)))
        grants = ledger.grants_of(connection, ACCOUNT, live_at=None)
    [lapse] = page.entries
    [gift] = [grant for grant in grants if grant.origin == "promotion"]
    assert lapse.reason == "lapsed"
    assert 50 < -lapse.amount < GIFT - 50
    assert (gift.amount, gift.remaining) == (GIFT, 0)
    assert gift.operations == "generate,generate.fast"


def test_little_is_left(filled: Filled) -> None:
    with filled.database.reading() as connection:
        account = ledger.get_account(connection, ACCOUNT)
    assert (account.available, account.held, account.tier) == (LEFT, 0, "free")


def test_each_kind_of_refusal_is_there(filled: Filled) -> None:
    with filled.database.reading() as connection:
        refusals = ledger.recent_refusals(connection, ACCOUNT, since=0, limit=50)
    told = {(each.command, each.code, each.details.count("open_holds")) for each in refusals}
    assert told >= {("hold", "limit_reached", 1), ("debit", "limit_reached", 0)}
    assert ("hold", "insufficient_credits") in {(each.command, each.code) for each in refusals}


def test_a_few_days_are_a_story_too(tell: Tell) -> None:
    told = tell(Scene(NOW, 2))
    assert [entry.reason for entry in told.entries(ACCOUNT)[:2]] == ["allocation", "promotion"]
    assert GIFT < ledger.get_account(told.connection, ACCOUNT).available < GIFT + 1_000
