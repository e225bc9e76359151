"""Turnover: what falls due is written in order, each with its own time."""

import pytest

from portal.ledger.errors import InsufficientCreditsError
from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, DAY
from tests.ledger.stories import HOUR, MINUTE, SECOND, Story, done, entry_of, refused, table


def owing(story: Story, credits: int) -> None:
    """Ada borrows while credits come in that do not repay it: a hold had pinned the overdraft."""
    story.open("scale")
    story.now = story.account.period_end - HOUR
    hold = story.place(500 + credits, ttl_seconds=86_400)
    story.grant(300)
    done(story.capture(hold, 500 + credits))


def test_a_smaller_plan_lends_what_is_owed_until_it_is_repaid() -> None:
    story = Story()
    owing(story, 150)
    story.open("quit")
    story.wait(2 * HOUR)
    assert story.advance().overdraft_limit == 150
    assert (story.account.posted, story.grants) == (150, [("purchase", 300, 0)])
    refused(story.debit(301), InsufficientCreditsError, spendable=300)
    assert entry_of(story.debit(300)).posted_after == -150


def test_credits_that_lapse_never_break_the_limit_of_a_smaller_plan() -> None:
    story = Story()
    story.open("scale")
    story.grant(40, "promotion", life=45 * DAY, operations=("clone",))
    done(story.debit(650))
    story.open("quit")
    story.now = story.account.period_end
    assert (story.advance().available, story.account.overdraft_limit) == (-110, 150)
    story.wait(40 * DAY)
    assert (story.advance().available, story.account.overdraft_limit) == (-150, 150)


def test_an_allocation_that_repays_is_not_lent_out_again() -> None:
    story = Story()
    story.open("scale")
    done(story.debit(650))
    story.open("free")
    story.now = story.account.period_end
    account = story.advance()
    assert (account.posted, account.overdraft_limit, story.grants) == (-50, 50, [])
    refused(story.debit(1), InsufficientCreditsError, spendable=0)


def test_an_upgrade_that_repays_is_not_lent_out_again() -> None:
    story = Story()
    story.open("scale")
    done(story.debit(700))
    account = story.open("plus").account
    assert (account.posted, account.overdraft_limit, story.grants) == (
        300,
        0,
        [("allocation", 300, 0)],
    )


def lapsing_while_held(story: Story) -> str:
    """A hold on a promotion that lapses an hour later, the hold two hours later."""
    story.open("free")
    story.grant(40, "promotion", life=HOUR)
    return story.place(30, ttl_seconds=7_200)


def test_pinned_credits_lapse_when_their_hold_runs_out() -> None:
    story = Story()
    lapsing_while_held(story)
    story.wait(3 * HOUR)
    story.advance()
    assert story.statement(3) == table("""
        expiry  lapsed  -10   0  -> 130 30
        release expired   0 -30  -> 130  0
        expiry  lapsed  -30   0  -> 100  0
    """)
    occurred = [entry.occurred_at - story.now for entry in story.entries()[3:]]
    assert occurred == [-2 * HOUR, -HOUR, -HOUR]


def test_pinned_credits_lapse_when_a_command_lets_them_go_and_not_before() -> None:
    story = Story()
    hold = lapsing_while_held(story)
    story.wait(HOUR + MINUTE)
    done(story.release(hold))
    assert story.statement(4) == table("""
        release cancelled   0 -30 -> 130 0
        expiry  lapsed    -30   0 -> 100 0
    """)
    assert [entry.occurred_at - story.now for entry in story.entries()[3:]] == [-MINUTE, 0, 0]
    assert story.account.next_due_at == story.account.period_end


def test_a_period_without_an_allocation_says_when_the_next_one_is_due() -> None:
    story = Story()
    opened = story.open("quit")
    assert entry_of(opened).due_after == story.account.next_due_at == story.account.period_end
    story.now = story.account.period_end
    story.advance()
    assert story.statement() == table("""
        grant allocation 0 0 -> 0 0
        grant allocation 0 0 -> 0 0
    """)
    assert story.account.next_due_at == story.account.period_end > story.now


def swollen(story: Story, posted: int, life: int | None = None) -> None:
    """Give Ada more credits than any test could earn, in one grant of her own."""
    tables = story.ledger.tables
    story.grant(1, life=life)
    name = next(grant.id for grant in tables.grants.values() if grant.origin == "purchase")
    more = posted - tables.accounts["ada"].posted
    tables.grants[name] = tables.grants[name]._replace(remaining=1 + more)
    tables.accounts["ada"] = tables.accounts["ada"]._replace(posted=posted)


@pytest.mark.parametrize(("below", "allocated"), [(100, 100), (40, 40), (0, 0)])
def test_an_allocation_fills_an_account_up_to_the_largest_balance_there_is(
    below: int, allocated: int
) -> None:
    story = Story()
    story.open("free")
    done(story.debit(100))
    swollen(story, BALANCE_MAX - below)
    story.now = story.account.period_end
    assert story.advance().posted == BALANCE_MAX - below + allocated
    assert story.entries()[-1].amount == allocated
    done(story.debit(100))


def test_a_lot_too_large_for_one_entry_lapses_in_several() -> None:
    story = Story()
    story.open("free")
    swollen(story, 2 * AMOUNT_MAX + 105, life=HOUR)
    story.wait(HOUR)
    story.advance()
    assert [entry.amount for entry in story.entries()[2:]] == [-AMOUNT_MAX, -AMOUNT_MAX, -5]
    assert story.account.posted == 100


def test_an_older_allocation_set_free_at_a_boundary_is_not_carried_over() -> None:
    story = Story()
    story.open("pro")
    story.now = story.account.period_end - HOUR
    hold = story.place(2_000)
    done(story.extend(hold, 86_400))
    story.wait(2 * HOUR)
    story.advance()
    while story.account.period_end - story.now > DAY:
        story.wait(DAY // 2)
        done(story.extend(hold, 13 * 3_600))
    done(story.extend(hold, (story.account.period_end - story.now) // SECOND))
    story.now = story.account.period_end
    since = len(story.entries())
    story.advance()
    assert story.statement(since) == table("""
        release expired         0 -2000 -> 4000 0
        expiry  lapsed      -2000     0 -> 2000 0
        expiry  rolled_over -2000     0 ->    0 0
        grant   rollover     2000     0 -> 2000 0
        grant   allocation   2000     0 -> 4000 0
    """)
