"""Where an account stands: as of now, with what has fallen due, and nothing written."""

import pytest

from portal import ledger
from portal.web.standing import Standing, account_in, standing_of, tag_of
from tests.web.desk import DAY, HOUR, MONTH_START, NOW, SECOND, Desk

NEXT_MONTH = MONTH_START + 30 * DAY


def standing(desk: Desk, account_id: str = "acme") -> Standing:
    with desk.app.app_context(), desk.database.reading() as connection:
        return standing_of(connection, account_id, desk.clock.now, desk.tariffs)


def tag(desk: Desk, account_id: str = "acme") -> str | None:
    with desk.database.reading() as connection:
        return tag_of(connection, account_id, desk.clock.now)


def test_the_three_numbers_close(desk: Desk) -> None:
    desk.done(desk.debit("acme", 1204))
    desk.hold("acme", 500)
    found = standing(desk)
    account = found.account
    assert (account.posted, account.held, account.available) == (98_796, 500, 98_296)
    assert sum(grant.remaining for grant in found.grants) - found.owed == account.posted
    assert [hold.amount for hold in found.holds] == [500]
    assert (found.allocated, found.allocation_left, found.next_allocation) == (
        100_000, 98_796, 100_000
    )  # fmt: skip


def test_an_allocation_that_is_spent_is_still_this_periods(desk: Desk) -> None:
    desk.done(desk.debit("bolt", 1000))
    found = standing(desk, "bolt")
    assert (found.allocated, found.allocation_left, found.grants) == (1000, 0, ())


def test_a_hold_that_ran_out_is_gone_though_nobody_has_written_it(desk: Desk) -> None:
    desk.hold("acme", 500)
    desk.clock.now = NOW + 900 * SECOND
    assert standing(desk).account.held == 0
    assert standing(desk).holds == ()
    with desk.database.reading() as connection:
        assert ledger.balance_now(connection, "acme").held == 500


def test_a_period_that_began_is_shown_though_nobody_has_written_it(desk: Desk) -> None:
    desk.done(desk.debit("acme", 40_000))
    desk.clock.now = NEXT_MONTH + HOUR
    found = standing(desk)
    assert found.account.period_start == NEXT_MONTH
    assert found.account.posted == 150_000  # 60,000 left, 50,000 of them carried
    assert (found.allocated, found.allocation_left) == (100_000, 100_000)
    assert {grant.origin for grant in found.grants} == {"allocation", "rollover"}


def test_an_upgrade_counts_as_this_periods_allocation(desk: Desk) -> None:
    desk.done(ledger.PutAccount(account_id="bolt", name="Bolt", tier="starter"))
    found = standing(desk, "bolt")
    assert found.tier is not None
    assert found.tier.name == "starter"
    assert found.allocated == found.allocation_left == found.account.posted > 1000
    assert found.next_allocation == 30_000


def test_a_downgrade_shows_what_comes_next(desk: Desk) -> None:
    desk.done(ledger.PutAccount(account_id="acme", name="Acme", tier="free"))
    found = standing(desk)
    assert found.tier is not None
    assert (found.tier.name, found.next_allocation) == ("pro", 1000)


def test_what_is_owed_is_shown_beside_the_grants(desk: Desk) -> None:
    desk.account("crab", tier="scale")
    for _ in range(2):
        desk.done(desk.debit("crab", 200_000))
    desk.done(desk.debit("crab", 120_000))
    found = standing(desk, "crab")
    assert (found.account.posted, found.owed, found.grants) == (-20_000, 20_000, ())


def test_the_tag_changes_with_every_entry_every_revision_and_every_day(desk: Desk) -> None:
    tags = [tag(desk)]
    desk.done(desk.debit("acme", 1))
    tags.append(tag(desk))
    desk.done(ledger.SetStatus(account_id="acme", status="suspended"))
    tags.append(tag(desk))
    desk.clock.now += DAY
    tags.append(tag(desk))
    assert len(set(tags)) == 4
    assert None not in tags


def test_the_tag_stays_while_nothing_changes(desk: Desk) -> None:
    before = tag(desk)
    desk.clock.now += HOUR
    desk.done(desk.debit("bolt", 1))
    assert tag(desk) == before


def test_there_is_no_tag_while_something_is_due(desk: Desk) -> None:
    desk.hold("acme", 5)
    assert tag(desk) is not None
    desk.clock.now += 900 * SECOND
    assert tag(desk) is None


def test_a_tag_is_of_one_account_and_names_it(desk: Desk) -> None:
    desk.account("a.1.2:3")
    tags = {name: tag(desk, name) for name in ("acme", "bolt", "a.1.2:3")}
    assert len(set(tags.values())) == 3
    assert [account_in(each or "") for each in tags.values()] == [*tags]
    assert account_in("none") == "none"


def test_an_account_that_is_not_there_is_an_error(desk: Desk) -> None:
    with pytest.raises(ledger.AccountNotFoundError):
        standing(desk, "nobody")
