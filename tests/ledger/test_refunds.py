"""Refunds: back into the original grants, in reverse order, never more than was charged."""

import pytest

from portal import pricing
from portal.ledger.commands import Adjust, Posted, Refund
from portal.ledger.errors import (
    AccountFrozenError,
    EntryNotFoundError,
    RefundExceedsError,
    ScopeDeniedError,
    ValidationError,
)
from portal.ledger.model import DAY, Reference
from tests.ledger.stories import (
    ADMIN,
    HOUR,
    MINUTE,
    OTHER,
    STUDIO,
    Story,
    done,
    entry_of,
    refused,
    table,
)

OURS = [name for name, reason in pricing.REFUND_REASONS.items() if reason.reinstates]
OTHERWISE = [name for name in pricing.REFUND_REASONS if name not in OURS]


@pytest.fixture
def story() -> Story:
    """Ada on plus: 1,000 credits, and a promotion of 40 that lapses in two days."""
    told = Story()
    told.open("plus")
    told.grant(40, "promotion", life=2 * DAY)
    return told


def test_a_refund_names_what_it_undoes(story: Story) -> None:
    charged = story.debit(100)
    outcome = done(story.refund(charged, note="sorry"))
    refund, debit = entry_of(outcome), entry_of(charged)
    assert (refund.kind, refund.reason, refund.amount) == ("refund", "failed", 100)
    assert refund.reverses_id == debit.id
    assert (refund.reference_type, refund.reference_id) == debit[10:12]
    assert (refund.operation, refund.quantity, refund.tariff) == ("speak", 100, "first")
    assert refund.note == "sorry"
    assert outcome.grants == ()


def test_credits_go_back_in_reverse_order_of_consumption(story: Story) -> None:
    charged = story.debit(100)
    parts = [[(draw.amount) for draw in done(story.refund(charged, 35)).draws] for _ in range(2)]
    assert parts == [[35], [25, 10]]
    assert story.grants == [("allocation", 1_000, 0), ("promotion", 10, 0)]
    done(story.refund(charged))
    assert story.grants == [("allocation", 1_000, 0), ("promotion", 40, 0)]


def test_partial_refunds_never_pass_what_was_charged(story: Story) -> None:
    charged = story.debit(100)
    done(story.refund(charged, 60))
    refused(
        story.refund(charged, 41),
        RefundExceedsError,
        charged=100,
        refunded=60,
        refundable=40,
        requested=41,
    )
    done(story.refund(charged, 40))
    refused(story.refund(charged), RefundExceedsError, refundable=0, requested=100)
    refused(story.refund(charged, 1), RefundExceedsError, refundable=0, requested=1)
    assert story.account.posted == 1_040


def test_two_refunds_in_one_batch_never_pass_what_was_charged(story: Story) -> None:
    charged = entry_of(story.debit(100))
    command = Refund(actor=STUDIO, entry_id=charged.id, reason="failed", credits=60)
    first, second = story.ledger.post([command, command], story.now)
    assert isinstance(first, Posted)
    refused(second, RefundExceedsError, refundable=40, requested=60)


@pytest.mark.parametrize("credits", [0, -1])
def test_a_refund_of_nothing_is_refused(story: Story, credits: int) -> None:
    refused(story.refund(story.debit(100), credits), ValidationError, member="credits", got=credits)


def test_what_cost_nothing_has_nothing_to_refund(story: Story) -> None:
    captured = story.capture(story.place(100), 0)
    refused(story.refund(captured), RefundExceedsError, charged=0, refundable=0, requested=0)


def test_a_capture_is_refunded_like_a_debit(story: Story) -> None:
    hold = story.place(100)
    first = story.capture(hold, 30, final=False)
    last = story.capture(hold, 50)
    done(story.refund(last, 45))
    done(story.refund(first))
    refused(story.refund(last, 6), RefundExceedsError, refundable=5)
    assert story.account.posted == 1_035


def test_a_late_capture_is_refunded_like_a_debit(story: Story) -> None:
    hold = story.place(100)
    story.wait(HOUR)
    done(story.refund(story.capture(hold, 100)))
    assert story.account.posted == 1_040


def test_only_a_charge_can_be_refunded(story: Story) -> None:
    charged = story.debit(100)
    for outcome in (story.grant(5), story.refund(charged), story.hold(3)):
        refused(story.refund(outcome), ValidationError, member="entry")
    refused(
        story.ask(Refund(actor=STUDIO, entry_id="ent_x", reason="failed")),
        EntryNotFoundError,
        entry="ent_x",
    )


def test_a_refund_for_no_known_reason_is_refused(story: Story) -> None:
    refused(story.refund(story.debit(100), reason="because"), ValidationError, member="reason")


def test_only_the_service_that_charged_may_refund_and_an_admin(story: Story) -> None:
    charged = story.debit(100)
    refused(story.refund(charged, actor=OTHER), ScopeDeniedError, owner="studio")
    done(story.refund(charged, 10, actor=ADMIN))


def test_a_refund_may_come_to_a_suspended_or_closed_account_but_not_a_frozen_one(
    story: Story,
) -> None:
    charged = story.debit(100)
    for status in ("suspended", "closed"):
        story.status(status)
        done(story.refund(charged, 10))
    story.status("frozen")
    refused(story.refund(charged, 10), AccountFrozenError, account="ada")


# Grants that have lapsed -----------------------------------------------------------------------


@pytest.mark.parametrize("reason", OURS)
def test_our_fault_reinstates_what_has_lapsed_for_thirty_days(story: Story, reason: str) -> None:
    charged = story.debit(100)
    story.wait(2 * DAY)
    outcome = done(story.refund(charged, reason=reason))
    [grant] = outcome.grants
    assert (grant.origin, grant.amount, grant.expires_at) == (
        "reinstatement",
        40,
        story.now + 30 * DAY,
    )
    assert grant.parent_id == story.ledger.tables.draws["ada", 3][0].grant_id
    assert grant.seq == entry_of(outcome).seq
    assert story.statement(3) == table(f"refund {reason} 100 0 -> 1040 0")
    assert story.grants == [("allocation", 1_000, 0), ("reinstatement", 40, 0)]


@pytest.mark.parametrize("reason", OTHERWISE)
def test_anything_else_returns_and_lapses_at_once(story: Story, reason: str) -> None:
    charged = story.debit(100)
    story.wait(2 * DAY)
    done(story.refund(charged, reason=reason))
    assert story.statement(3) == table(f"""
        refund {reason}      100 0 -> 1040 0
        expiry refund_lapsed -40 0 -> 1000 0
    """)
    assert story.entries()[-1].occurred_at == story.now
    assert story.grants == [("allocation", 1_000, 0)]


def test_a_grant_lapses_at_its_instant_and_not_a_moment_before(story: Story) -> None:
    charged = story.debit(100)
    story.wait(2 * DAY - 1)
    done(story.refund(charged))
    assert story.grants == [("allocation", 1_000, 0), ("promotion", 40, 0)]


def test_what_is_reinstated_pays_for_the_same_operations_only() -> None:
    story = Story()
    story.open("quit")
    story.grant(40, "promotion", life=DAY, operations=("clone", "speak"))
    charged = story.debit(40)
    story.wait(DAY)
    [grant] = done(story.refund(charged)).grants
    assert grant.operations == "clone,speak"


def test_refunds_in_parts_before_and_after_a_grant_lapsed_add_up(story: Story) -> None:
    charged = story.debit(100)
    done(story.refund(charged, 70))
    story.wait(3 * DAY)
    done(story.refund(charged, 10, reason="goodwill"))
    done(story.refund(charged, 15))
    refused(story.refund(charged, 6), RefundExceedsError, refundable=5)
    done(story.refund(charged, 5))
    assert story.statement(3) == table("""
        refund failed         70 0 -> 1010 0
        expiry lapsed        -10 0 -> 1000 0
        refund goodwill       10 0 -> 1010 0
        expiry refund_lapsed -10 0 -> 1000 0
        refund failed         15 0 -> 1015 0
        refund failed          5 0 -> 1020 0
    """)


def test_what_was_reinstated_is_spent_refunded_and_reinstated_again(story: Story) -> None:
    charged = story.debit(40)
    story.wait(3 * DAY)
    [first] = done(story.refund(charged)).grants
    again = story.debit(40)
    done(story.refund(again, 10))
    assert story.grants == [("allocation", 1_000, 0), ("reinstatement", 10, 0)]
    story.now += 31 * DAY
    since = len(story.entries())
    [second] = done(story.refund(again)).grants
    assert (second.parent_id, second.amount) == (first.id, 30)
    assert story.statement(since).splitlines()[-1] == table("refund failed 30 0 -> 1430 0")
    refused(story.refund(again), RefundExceedsError)
    refused(story.refund(charged), RefundExceedsError)


def test_a_refund_to_a_lapsed_grant_that_a_hold_still_pins(story: Story) -> None:
    charged = story.debit(10)
    story.now += 2 * DAY - MINUTE
    hold = story.place(30)
    story.wait(2 * MINUTE)
    done(story.refund(charged, 4, reason="goodwill"))
    done(story.refund(charged, 6))
    done(story.release(hold))
    assert story.statement(4) == table("""
        refund  goodwill        4   0 -> 1034 30
        expiry  refund_lapsed  -4   0 -> 1030 30
        refund  failed          6   0 -> 1036 30
        release cancelled       0 -30 -> 1036  0
        expiry  lapsed        -30   0 -> 1006  0
    """)
    assert story.grants == [("allocation", 1_000, 0), ("reinstatement", 6, 0)]


# Overdraft -------------------------------------------------------------------------------------


def test_a_refund_of_overdraft_repays_it_first() -> None:
    story = Story()
    story.open("scale")
    charged = story.debit(700)
    done(story.refund(charged, 150))
    assert (story.account.posted, story.grants) == (-50, [])
    done(story.refund(charged, 100))
    assert (story.account.posted, story.grants) == (50, [("allocation", 50, 0)])


def test_overdraft_that_was_repaid_since_comes_back_as_a_grant() -> None:
    story = Story()
    story.open("scale")
    charged = story.debit(700)
    story.grant(150)
    outcome = done(story.refund(charged, 120))
    assert [(draw.grant_id is None, draw.amount) for draw in outcome.draws] == [
        (True, 50),
        (False, 70),
    ]
    [grant] = outcome.grants
    assert (grant.origin, grant.expires_at, grant.parent_id) == ("reinstatement", None, None)
    done(story.refund(charged, 80))
    assert [(draw.amount) for draw in done(story.refund(charged)).draws] == [500]
    assert story.account.posted == 650


def test_a_refund_does_not_repay_what_another_job_borrowed() -> None:
    story = Story()
    story.open("scale")
    first = story.debit(400)
    done(story.debit(200))
    done(story.refund(first))
    assert (story.account.posted, story.grants) == (300, [("allocation", 400, 0)])


def test_a_correction_is_no_charge(story: Story) -> None:
    adjusted = story.ask(
        Adjust(
            account_id="ada",
            amount=-5,
            reason="correction",
            reference=Reference("ticket", "1"),
            approved_by="otto",
            note="n",
            actor=ADMIN,
        )
    )
    refused(story.refund(adjusted), ValidationError, member="entry")
