"""Turnover: what falls due is written in order, each with its own time."""

import pytest

from portal.ledger.errors import InsufficientCreditsError
from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, DAY
from portal.ledger.stamps import day_of
from portal.pricing import boundary
from tests.ledger.stories import HOUR, MINUTE, SECOND, Story, at, done, entry_of, refused, table


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


# Rollover --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "spent", "pinned", "lines"),
    [
        ("free", 40, 0, "expiry period_end -60 0 -> 0 0 | grant allocation 100 0 -> 100 0"),
        ("free", 100, 0, "grant allocation 100 0 -> 100 0"),
        (
            "basic",  # 25 % of 199, rounded down
            101,
            0,
            "expiry period_end -150 0 -> 49 0 | expiry rolled_over -49 0 -> 0 0"
            " | grant rollover 49 0 -> 49 0 | grant allocation 300 0 -> 349 0",
        ),
        ("basic", 297, 0, "expiry period_end -3 0 -> 0 0 | grant allocation 300 0 -> 300 0"),
        (
            "plus",  # at most 400
            500,
            0,
            "expiry period_end -100 0 -> 400 0 | expiry rolled_over -400 0 -> 0 0"
            " | grant rollover 400 0 -> 400 0 | grant allocation 1000 0 -> 1400 0",
        ),
        (
            "plus",
            700,
            0,
            "expiry rolled_over -300 0 -> 0 0"
            " | grant rollover 300 0 -> 300 0 | grant allocation 1000 0 -> 1300 0",
        ),
        (
            "pro",  # all of it
            1,
            0,
            "expiry rolled_over -1999 0 -> 0 0"
            " | grant rollover 1999 0 -> 1999 0 | grant allocation 2000 0 -> 3999 0",
        ),
        (
            "scale",  # twice the allocation: all of it
            100,
            0,
            "expiry rolled_over -400 0 -> 0 0"
            " | grant rollover 400 0 -> 400 0 | grant allocation 500 0 -> 900 0",
        ),
        (
            "plus",  # what a hold has pinned is not unused
            500,
            450,
            "expiry rolled_over -50 0 -> 450 450"
            " | grant rollover 50 0 -> 500 450 | grant allocation 1000 0 -> 1500 450",
        ),
    ],
)
def test_the_unused_rest_is_carried_as_the_tier_says(
    tier: str, spent: int, pinned: int, lines: str
) -> None:
    story = Story()
    story.open(tier)
    done(story.debit(spent))
    story.now = story.account.period_end - MINUTE
    if pinned:
        story.place(pinned)
    since = len(story.entries())
    story.wait(MINUTE)
    story.advance()
    assert story.statement(since) == lines.replace(" | ", "\n")


def test_what_was_carried_lives_as_long_as_the_tier_says_and_is_not_carried_again() -> None:
    story = Story()
    story.open("plus")
    story.now = at("2026-05-20")
    story.advance()
    carried = [g for g in story.ledger.tables.grants.values() if g.origin == "rollover"]
    assert [(day_of(g.effective_at), day_of(g.expires_at or 0), g.amount) for g in carried] == [
        ("2026-02-10", "2026-04-10", 400),
        ("2026-03-10", "2026-05-10", 400),
        ("2026-04-10", "2026-06-10", 400),
        ("2026-05-10", "2026-07-10", 400),
    ]
    parents = [story.ledger.tables.grants[g.parent_id or ""].origin for g in carried]
    assert parents == ["allocation"] * 4
    assert story.grants == [("rollover", 400, 0), ("rollover", 400, 0), ("allocation", 1_000, 0)]


def test_rollover_goes_by_the_price_list_of_the_period_that_ends() -> None:
    story = Story()
    story.now = at("2026-02-20")
    story.open("pro")
    story.now = at("2026-05-01")
    story.advance()
    assert story.statement(1) == table("""
        expiry period_end -2000 0 ->    0 0
        grant  allocation  2000 0 -> 2000 0
        expiry period_end -2000 0 ->    0 0
        grant  allocation  2000 0 -> 2000 0
    """)
    assert [entry.tariff for entry in story.entries()] == ["first", None, "second", None, "second"]


def test_purchases_and_goodwill_are_not_touched_by_turnover() -> None:
    story = Story()
    story.open("free")
    story.grant(7)
    story.grant(8, "goodwill")
    story.grant(9, "promotion", life=400 * DAY)
    story.now = at("2026-12-20")
    story.advance()
    assert story.grants == [
        ("purchase", 7, 0),
        ("goodwill", 8, 0),
        ("promotion", 9, 0),
        ("allocation", 120, 0),
    ]


# Periods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "days"),
    [
        ("2026-01-31", "02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31"),
        ("2026-01-30", "02-28 03-30 04-30 05-30 06-30 07-30 08-30 09-30 10-30 11-30 12-30"),
        ("2026-01-10", "02-10 03-10 04-10 05-10 06-10 07-10 08-10 09-10 10-10 11-10 12-10"),
    ],
)
def test_missed_periods_are_turned_over_in_order_each_on_its_own_day(
    anchor: str, days: str
) -> None:
    story = Story()
    story.now = at(anchor) + 7 * HOUR
    story.open("free")
    story.now = at("2027-01-05")
    story.advance()
    allocations = [entry for entry in story.entries() if entry.reason == "allocation"]
    assert [day_of(e.occurred_at)[5:] for e in allocations[1:]] == days.split()
    assert [e.reference_id for e in allocations] == [day_of(e.occurred_at) for e in allocations]
    assert {e.occurred_at % DAY for e in allocations} == {7 * HOUR}
    assert {e.recorded_at for e in allocations[1:]} == {story.now}
    second = at("2026-03-15")
    assert all(e.amount == (120 if e.occurred_at >= second else 100) for e in allocations)
    assert story.account.posted == 120


def test_the_29_february_is_a_day_of_leap_years_only() -> None:
    assert [day_of(boundary(at("2028-01-31"), n)) for n in (1, 2, 13)] == [
        "2028-02-29",
        "2028-03-31",
        "2029-02-28",
    ]


def test_a_turnover_says_when_it_should_have_been() -> None:
    story = Story()
    story.open("free")
    end = story.account.period_end
    story.now = end - 1
    story.advance()
    assert story.statement(1) == ""
    story.now = end + 3 * DAY
    done(story.debit(30))
    lapsed, allocated, debited = story.entries()[1:]
    assert (lapsed.reason, lapsed.occurred_at, lapsed.reference_id) == (
        "period_end",
        end,
        "2026-01-10",
    )
    assert (allocated.occurred_at, allocated.recorded_at) == (end, story.now)
    assert debited.occurred_at == story.now
    [opened, turned] = story.ledger.tables.revisions["ada"]
    assert (opened.reason, turned.reason, turned.occurred_at) == ("opened", "turnover", end)
    assert (turned.as_of_seq, turned.actor_kind, turned.actor) == (2, "system", "ledger")


def test_all_that_is_due_happens_in_order_of_its_own_time() -> None:
    story = Story()
    story.open("free")
    end = story.account.period_end
    story.grant(5, "promotion", expires_at=end - DAY)
    story.grant(6, "promotion", expires_at=end)
    story.grant(7, "promotion", expires_at=end + DAY)
    story.now = end - MINUTE
    story.place(3, ttl_seconds=60)
    since = len(story.entries())
    story.now = end + 40 * DAY
    story.advance()
    assert [
        (e.reason, e.amount, (e.occurred_at - end) // DAY) for e in story.entries()[since:]
    ] == [
        ("expired", 0, 0),
        ("period_end", -100, 0),
        ("allocation", 100, 0),
        ("lapsed", -6, 0),
        ("lapsed", -7, 1),
        ("period_end", -100, 28),
        ("allocation", 100, 28),
    ]


def test_advancing_again_changes_nothing() -> None:
    story = Story()
    story.open("pro")
    story.now = at("2026-07-01")
    before = story.advance()
    assert story.advance() == before == story.account


@pytest.mark.parametrize("status", ["suspended", "frozen", "closed"])
def test_time_passes_for_accounts_of_every_status(status: str) -> None:
    story = Story()
    story.open("free")
    story.status(status)
    story.now = at("2026-02-20")
    assert story.advance().period_start == at("2026-02-10") + 12 * HOUR


# Merging ---------------------------------------------------------------------------------------


def test_beyond_64_live_lots_equal_ones_are_poured_together_at_turnover() -> None:
    story = Story()
    story.open("quit")
    for number in range(40):
        story.grant(10, priority=60 if number % 2 else None)
    for _ in range(25):
        story.grant(4, "promotion", operations=("speak",))
    story.grant(3, effective_at=story.now + 300 * DAY)
    story.grant(2, "goodwill")
    story.now = story.account.period_end - MINUTE
    story.place(6)
    since, available = len(story.entries()), story.account.available
    story.wait(MINUTE)
    story.advance()
    assert story.statement(since) == table("""
        grant      allocation 0 0 -> 505 6
        adjustment merge      0 0 -> 505 6
        adjustment merge      0 0 -> 505 6
        adjustment merge      0 0 -> 505 6
    """)
    assert {entry.approved_by for entry in story.entries()[since + 1 :]} == {"ledger"}
    assert sorted(story.grants) == [
        ("goodwill", 2, 0),
        ("promotion", 4, 4),
        ("promotion", 96, 2),
        ("purchase", 3, 0),
        ("purchase", 200, 0),
        ("purchase", 200, 0),
    ]
    assert story.account.available == available


@pytest.mark.parametrize(("lots", "left"), [(64, 64), (65, 1)])
def test_up_to_64_live_lots_stay_as_they_are(lots: int, left: int) -> None:
    story = Story()
    story.open("quit")
    for _ in range(lots):
        story.grant(10)
    story.now = story.account.period_end
    story.advance()
    assert len(story.grants) == left


def test_what_was_poured_away_is_refilled_by_a_refund() -> None:
    story = Story()
    story.open("quit")
    for _ in range(66):
        story.grant(10)
        story.wait(MINUTE)
    first, second = story.debit(10), story.debit(5)
    done(story.refund(first))
    story.now = story.account.period_end
    story.advance()
    assert story.grants == [("purchase", 655, 0)]
    done(story.refund(second))
    assert story.grants == [("purchase", 655, 0), ("purchase", 5, 0)]
