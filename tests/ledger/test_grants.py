"""Grants and adjustments: what adds or corrects credits, and what is no grant at all."""

from typing import Any

import pytest

from portal.ledger.burn import PRIORITY
from portal.ledger.errors import (
    AlreadyGrantedError,
    BalanceLimitError,
    InsufficientCreditsError,
    LimitReachedError,
    ValidationError,
)
from portal.ledger.grants import ADJUSTMENTS, ISSUED, LAST_INSTANT, LIVE_GRANTS_MAX
from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, DAY, Reference
from tests.ledger.stories import ADMIN, STUDIO, Story, done, entry_of, refused, table

PAYMENT = Reference("payment", "p-1")


@pytest.fixture
def story() -> Story:
    """Ada on quit: nothing but what she is given."""
    told = Story()
    told.open("quit")
    return told


@pytest.mark.parametrize("origin", ISSUED)
def test_a_grant_is_one_lot_with_the_priority_of_its_origin(story: Story, origin: str) -> None:
    outcome = done(story.grant(500, origin, life=DAY, reference=PAYMENT))
    [grant], entry = outcome.grants, entry_of(outcome)
    assert (grant.origin, grant.amount, grant.priority) == (origin, 500, PRIORITY[origin])
    assert (grant.effective_at, grant.expires_at) == (story.now, story.now + DAY)
    assert (entry.kind, entry.reason, entry.amount) == ("grant", origin, 500)
    assert (entry.expires_at, entry.due_after) == (grant.expires_at, grant.expires_at)
    assert entry[10:12] == PAYMENT
    assert [(draw.grant_id, draw.amount, draw.pinned) for draw in outcome.draws] == [
        (grant.id, 500, 0)
    ]


def test_a_grant_says_its_own_priority_operations_and_beginning(story: Story) -> None:
    [grant] = done(
        story.grant(
            5,
            priority=7,
            operations=("speak", "fast"),
            effective_at=story.now + DAY,
            expires_at=story.now + 2 * DAY,
        )
    ).grants
    assert (grant.priority, grant.operations) == (7, "speak,fast")
    refused(story.debit(1), InsufficientCreditsError, available=5, spendable=0)
    story.wait(DAY)
    refused(story.debit(1, "clone"), InsufficientCreditsError, spendable=0)
    done(story.debit(5))


@pytest.mark.parametrize(
    ("member", "members"),
    [
        ("origin", {"origin": "allocation"}),
        ("origin", {"origin": "rollover"}),
        ("origin", {"origin": "gift"}),
        ("credits", {"credits": 0}),
        ("credits", {"credits": -5}),
        ("credits", {"credits": AMOUNT_MAX + 1}),
        ("expires_at", {"life": 0}),
        ("expires_at", {"life": -DAY}),
        ("expires_at", {"expires_at": LAST_INSTANT + 1}),
        ("expires_at", {"effective_at": LAST_INSTANT - 1, "life": DAY}),
        ("effective_at", {"effective_at": LAST_INSTANT}),
        ("effective_at", {"effective_at": -1}),
        ("priority", {"priority": -1}),
        ("priority", {"priority": 1_001}),
        ("operations", {"operations": ()}),
        ("operations", {"operations": ("speak", "")}),
        ("operations", {"operations": ("speak,fast",)}),
        ("reference", {"reference": Reference("period", "2026-02-10")}),
    ],
)
def test_it_refuses_a_grant_that_cannot_be(
    story: Story, member: str, members: dict[str, Any]
) -> None:
    refused(story.grant(**{"credits": 5} | members), ValidationError, member=member)
    assert story.statement(1) == ""


def test_the_largest_and_longest_grant_there_is(story: Story) -> None:
    done(story.grant(AMOUNT_MAX, expires_at=LAST_INSTANT, priority=1_000))
    done(story.grant(1, effective_at=0, priority=0))
    assert story.account.posted == AMOUNT_MAX + 1


def test_a_payment_gives_credits_once_to_whomever(story: Story) -> None:
    first = entry_of(story.grant(5, reference=PAYMENT))
    story.open("quit", account_id="bob")
    for account in ("ada", "bob"):
        refused(
            story.grant(5, reference=PAYMENT, account_id=account),
            AlreadyGrantedError,
            entry=first.id,
            reference_id="p-1",
        )


def test_only_a_payment_is_spent_by_giving_credits(story: Story) -> None:
    ticket = Reference("ticket", "T-1")
    done(story.grant(5, reference=ticket))
    done(story.grant(5, reference=ticket))
    assert story.account.posted == 10


def test_it_refuses_more_lots_than_an_account_may_have(story: Story) -> None:
    tables = story.ledger.tables
    done(story.grant(1))
    [row] = [grant for grant in tables.grants.values() if grant.remaining]
    tables.grants |= {f"g{n}": row._replace(id=f"g{n}") for n in range(LIVE_GRANTS_MAX - 1)}
    refused(story.grant(1), LimitReachedError, limit="live_grants", requested=1_001)


@pytest.mark.gate
def test_it_refuses_a_balance_past_the_largest_there_is(story: Story) -> None:
    tables = story.ledger.tables
    tables.accounts["ada"] = story.account._replace(posted=BALANCE_MAX - 5)
    refused(story.grant(6), BalanceLimitError, maximum=BALANCE_MAX, amount=6)
    done(story.grant(5))


# Debt ------------------------------------------------------------------------------------------


def owing(credits: int) -> Story:
    """Ada owes: her allocation of 500 and some overdraft are spent."""
    story = Story()
    story.open("scale")
    done(story.debit(500 + credits))
    return story


@pytest.mark.parametrize(
    ("given", "repaid", "left"), [(150, 150, []), (60, 60, []), (200, 150, [50])]
)
def test_a_grant_repays_what_is_owed_first(given: int, repaid: int, left: list[int]) -> None:
    story = owing(150)
    draws = done(story.grant(given)).draws
    assert [(draw.grant_id is None, draw.amount) for draw in draws] == [
        (False, given - repaid),
        (True, repaid),
    ]
    assert [remaining for _, remaining, _ in story.grants] == left
    assert story.account.posted == given - 150


def test_a_restricted_grant_repays_nothing() -> None:
    story = owing(150)
    done(story.grant(200, "promotion", operations=("clone",)))
    assert (story.account.posted, story.grants) == (50, [("promotion", 200, 0)])
    refused(story.debit(51), InsufficientCreditsError, available=50, spendable=50)
    done(story.debit(50))
    assert story.account.available == 0
    done(story.debit(4, "clone"))
    assert (story.account.available, story.grants) == (-200, [])


def test_an_allocation_repays_what_is_owed() -> None:
    story = owing(150)
    story.now = story.account.period_end
    story.advance()
    assert (story.account.posted, story.grants) == (350, [("allocation", 350, 0)])


def test_what_is_rolled_over_repays_what_is_owed() -> None:
    story = Story()
    story.open("scale")
    first = story.debit(300)
    done(story.debit(300))
    done(story.refund(first))
    assert (story.account.posted, story.grants) == (200, [("allocation", 300, 0)])
    story.now = story.account.period_end
    story.advance()
    assert (story.account.posted, story.grants) == (
        700,
        [("rollover", 200, 0), ("allocation", 500, 0)],
    )


# Adjustments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ADJUSTMENTS)
def test_a_correction_upwards_is_a_lot_of_its_own(story: Story, reason: str) -> None:
    outcome = done(story.adjust(50, reason=reason))
    entry, [grant] = entry_of(outcome), outcome.grants
    assert (entry.kind, entry.reason, entry.approved_by) == (
        "adjustment",
        reason,
        "otto@example.com",
    )
    assert (entry.note, entry.actor, entry.amount) == ("n", "olga@example.com", 50)
    assert (grant.origin, grant.amount, grant.expires_at) == ("goodwill", 50, None)


def test_a_correction_downwards_takes_in_burn_order_from_anything() -> None:
    story = owing(0)
    story.grant(30, "promotion", operations=("clone",))
    story.grant(40)
    done(story.adjust(-100))
    assert story.statement(4) == table("adjustment correction -100 0 -> -30 0")
    refused(story.adjust(-171), InsufficientCreditsError, required=171, spendable=170)
    done(story.adjust(20))
    assert (story.account.posted, story.grants) == (-10, [])


@pytest.mark.parametrize(
    ("member", "amount", "members"),
    [
        ("reason", 5, {"reason": "because"}),
        ("amount", 0, {}),
        ("amount", AMOUNT_MAX + 1, {}),
        ("amount", -AMOUNT_MAX - 1, {}),
        ("actor", 5, {"actor": STUDIO}),
        ("approved_by", 5, {"approved_by": ADMIN.name}),
    ],
)
def test_it_refuses_a_correction_that_nobody_may_make(
    story: Story, member: str, amount: int, members: dict[str, Any]
) -> None:
    refused(story.adjust(amount, **members), ValidationError, member=member)
