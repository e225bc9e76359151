"""Holds: set aside, extended, captured, released, run out; each ends once."""

from typing import Any

import pytest

from portal.ledger.commands import CaptureHold, Command, ExtendHold, Posted, Refund
from portal.ledger.errors import (
    AccountSuspendedError,
    AlreadyChargedError,
    CaptureExceedsHoldError,
    HoldCapturedError,
    HoldExpiredError,
    HoldNotFoundError,
    HoldReleasedError,
    InsufficientCreditsError,
    LimitReachedError,
    ScopeDeniedError,
    ValidationError,
)
from portal.ledger.holds import RELEASES, joined, prefix
from portal.ledger.model import AMOUNT_MAX, DAY, Hold, Pin
from tests.ledger.stories import (
    HOUR,
    MINUTE,
    OTHER,
    SECOND,
    STUDIO,
    Story,
    done,
    entry_of,
    refused,
    table,
)


def hold_of(outcome: object) -> Hold:
    """The hold of a success."""
    assert isinstance(outcome, Posted), outcome
    assert outcome.hold is not None
    return outcome.hold


@pytest.fixture
def story() -> Story:
    """Ada on plus: 1,000 credits, and a promotion of 40 that is spent first."""
    told = Story()
    told.open("plus")
    told.grant(40, "promotion", life=10 * DAY)
    return told


def test_a_hold_pins_grants_in_burn_order(story: Story) -> None:
    placed = done(story.hold(100))
    assert [(draw.amount, draw.pinned) for draw in placed.draws] == [(0, 40), (0, 60)]
    assert sorted(story.grants) == [("allocation", 1_000, 60), ("promotion", 40, 40)]
    assert story.account.available == 940


def test_a_hold_says_what_it_is_for(story: Story) -> None:
    hold = hold_of(story.hold(100, "fast"))
    assert (hold.operation, hold.quantity, hold.amount, hold.rest) == ("fast", 100, 50, 50)
    assert (hold.service, hold.tariff, hold.status) == ("studio", "first", "open")
    assert hold == story.ledger.tables.holds[hold.id]


@pytest.mark.parametrize(("seconds", "lives"), [(None, 900), (1, 1), (86_400, 86_400)])
def test_a_hold_lives_as_long_as_asked_or_as_its_operation_says(
    story: Story, seconds: int | None, lives: int
) -> None:
    hold = hold_of(story.hold(1, ttl_seconds=seconds))
    assert hold.expires_at == story.now + lives * SECOND


@pytest.mark.parametrize("seconds", [0, -1, 86_401])
def test_it_refuses_a_life_of_nothing_or_of_more_than_a_day(story: Story, seconds: int) -> None:
    refused(story.hold(1, ttl_seconds=seconds), ValidationError, member="ttl_seconds")
    hold = story.place(1)
    refused(story.extend(hold, seconds), ValidationError, member="ttl_seconds")


def test_it_refuses_more_holds_at_once_than_the_tier_allows() -> None:
    story = Story()
    story.open("free")
    story.place(1, ttl_seconds=60)
    story.place(1)
    until = story.now + MINUTE
    refused(
        story.hold(1), LimitReachedError, limit="open_holds", maximum=2, requested=3, until=until
    )
    story.wait(MINUTE)
    story.place(1)


def test_it_refuses_a_thousand_and_one_holds_even_without_a_cap(story: Story) -> None:
    hold = story.place(1)
    row = story.ledger.tables.holds[hold]
    more = {f"h{number}": row._replace(id=f"h{number}") for number in range(999)}
    story.ledger.tables.holds.update(more)
    refused(story.hold(1), LimitReachedError, limit="open_holds", maximum=1_000, requested=1_001)


def test_it_refuses_a_job_larger_than_the_tier_allows() -> None:
    story = Story()
    story.open("free")
    story.grant(5_000)
    refused(story.hold(1_001), LimitReachedError, limit="units_per_job", maximum=1_000)
    hold = story.place(1_000)
    refused(story.extend(hold, quantity=1_001), LimitReachedError, requested=1_001, until=None)


def test_it_refuses_a_hold_without_funds_and_sets_nothing_aside(story: Story) -> None:
    before = story.account
    error = refused(story.hold(1_041), InsufficientCreditsError, required=1_041, shortfall=1).error
    assert "1041" in str(error)
    assert story.account == before


def test_a_hold_of_nothing_can_be_captured_and_released() -> None:
    story = Story()
    story.open("free")
    placed = story.place(1, "fast")
    done(story.capture(placed, 0))
    assert story.statement(1) == table("""
        hold    placed   0  1 -> 100 1
        capture partial  0 -1 -> 100 0
    """)


# Extending -------------------------------------------------------------------------------------


def test_extending_lets_a_hold_live_from_now_on(story: Story) -> None:
    hold = story.place(10)
    story.wait(10 * MINUTE)
    extended = done(story.extend(hold, 900))
    assert hold_of(extended).expires_at == story.now + 15 * MINUTE
    assert (entry_of(extended).reason, entry_of(extended).hold_amount) == ("extended", 0)
    story.wait(14 * MINUTE)
    done(story.capture(hold, 10))


def test_extending_never_shortens_a_hold(story: Story) -> None:
    placed = hold_of(story.hold(10))
    assert hold_of(story.extend(placed.id, 1)).expires_at == placed.expires_at


def test_a_larger_quantity_sets_more_aside_on_the_same_grants(story: Story) -> None:
    hold = story.place(50)
    extended = done(story.extend(hold, quantity=80))
    assert (hold_of(extended).quantity, hold_of(extended).amount) == (80, 80)
    assert [draw.pinned for draw in extended.draws] == [30]
    assert sorted(story.grants) == [("allocation", 1_000, 40), ("promotion", 40, 40)]
    done(story.capture(hold, 80))
    assert sorted(story.grants) == [("allocation", 960, 0)]


def test_a_smaller_quantity_is_refused(story: Story) -> None:
    refused(story.extend(story.place(50), quantity=49), ValidationError, member="quantity", got=49)


def test_a_quantity_that_is_not_funded_leaves_the_hold_as_it_was(story: Story) -> None:
    placed = hold_of(story.hold(50))
    refused(story.extend(placed.id, quantity=1_041), InsufficientCreditsError, required=991)
    assert story.ledger.tables.holds[placed.id] == placed


def test_a_heartbeat_passes_though_the_tier_has_shrunk_meanwhile(story: Story) -> None:
    story.grant(2_000)
    story.open("free")
    story.now = story.account.period_end - HOUR
    hold = story.place(1_500, ttl_seconds=7_200)
    story.wait(HOUR)
    assert story.advance().tier == "free"
    done(story.extend(hold))
    refused(story.extend(hold, quantity=1_501), LimitReachedError, maximum=1_000)


def test_a_suspended_account_keeps_its_holds_alive_but_sets_no_more_aside(story: Story) -> None:
    hold, stream = story.place(50), story.place(10, "stream")
    story.status("suspended")
    done(story.extend(hold))
    refused(story.extend(hold, quantity=51), AccountSuspendedError, status="suspended")
    refused(story.capture(stream, 6), AccountSuspendedError)
    refused(story.hold(1), AccountSuspendedError)
    done(story.capture(stream, 5))
    done(story.release(hold))


# Capturing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credits", "reason", "left"),
    [(100, "completed", 940), (99, "partial", 941), (40, "partial", 1_000), (0, "partial", 1_040)],
)
def test_a_capture_spends_a_prefix_and_returns_the_rest(
    story: Story, credits: int, reason: str, left: int
) -> None:
    entry = entry_of(story.capture(story.place(100), credits))
    assert (entry.kind, entry.reason, entry.resolution) == ("capture", reason, "captured")
    assert (entry.amount, entry.hold_amount) == (-credits, -100)
    assert (story.account.posted, story.account.held) == (left, 0)
    assert all(pinned == 0 for _, _, pinned in story.grants)
    assert next((g[1] for g in story.grants if g[0] == "promotion"), 0) == max(0, 40 - credits)


def test_a_capture_that_is_not_final_leaves_the_rest_set_aside(story: Story) -> None:
    hold = story.place(100)
    done(story.capture(hold, 30, final=False))
    assert sorted(story.grants) == [("allocation", 1_000, 60), ("promotion", 10, 10)]
    done(story.capture(hold, 20, final=False))
    done(story.capture(hold, 25))
    assert story.statement(2) == table("""
        hold    placed      0  100 -> 1040 100
        capture partial   -30  -30 -> 1010  70
        capture partial   -20  -20 ->  990  50
        capture partial   -25  -50 ->  965   0
    """)
    refused(story.capture(hold, 0), HoldCapturedError, captured=75, amount=100)


def test_captures_that_are_not_final_may_spend_all_and_leave_the_hold_open(story: Story) -> None:
    hold = story.place(100)
    done(story.capture(hold, 100, final=False))
    refused(story.capture(hold, 1), CaptureExceedsHoldError, held=0, requested=1)
    done(story.release(hold))
    assert story.statement(3) == table("""
        capture completed -100 -100 -> 940 0
        release cancelled    0    0 -> 940 0
    """)


def test_more_than_held_is_refused_unless_the_operation_says_otherwise(story: Story) -> None:
    hold = story.place(100)
    refused(story.capture(hold, 101), CaptureExceedsHoldError, held=100, requested=101)
    done(story.extend(hold, quantity=101))
    done(story.capture(hold, 101))


def test_a_capped_operation_takes_what_is_held(story: Story) -> None:
    hold = story.place(1, "clone")
    entry = entry_of(story.capture(hold, 51))
    assert (entry.amount, entry.reason) == (-50, "completed")


def test_an_overflowing_operation_takes_more_while_funds_last(story: Story) -> None:
    hold = story.place(100, "stream")
    entry = entry_of(story.capture(hold, 60))
    assert story.statement(2) == table("""
        hold    placed      0  50 -> 1040 50
        hold    overflow    0  10 -> 1040 60
        capture completed -60 -60 ->  980  0
    """)
    assert entry.quantity == 100


def test_an_overflow_without_funds_is_refused_whole(story: Story) -> None:
    hold = story.place(100, "stream")
    before = story.ledger.tables.holds[hold]
    refused(story.capture(hold, 1_041), InsufficientCreditsError, required=991, spendable=990)
    assert story.ledger.tables.holds[hold] == before
    assert story.statement(3) == ""
    done(story.capture(hold, 1_040))


@pytest.mark.parametrize("credits", [-1, AMOUNT_MAX + 1])
def test_it_refuses_to_capture_what_no_entry_can_hold(story: Story, credits: int) -> None:
    hold = story.place(100, "stream")
    refused(story.capture(hold, credits), ValidationError, member="credits", got=credits)


# Ending once -----------------------------------------------------------------------------------


def test_what_was_captured_cannot_end_again_and_says_how_it_did(story: Story) -> None:
    hold = story.place(100)
    entry = entry_of(story.capture(hold, 60))
    ended: dict[str, Any] = {"hold": hold, "entry": entry.id, "ended_at": story.now}
    story.wait(MINUTE)
    for outcome in (story.capture(hold, 60), story.release(hold), story.extend(hold)):
        refused(outcome, HoldCapturedError, amount=100, captured=60, **ended)


def test_what_was_released_cannot_end_again_and_says_how_it_did(story: Story) -> None:
    hold = story.place(100)
    entry = entry_of(story.release(hold, "failed"))
    ended: dict[str, Any] = {"hold": hold, "entry": entry.id, "ended_at": story.now}
    story.wait(HOUR)
    for outcome in (story.capture(hold, 60), story.release(hold), story.extend(hold)):
        refused(outcome, HoldReleasedError, amount=100, reason="failed", **ended)


def test_what_ran_out_cannot_be_released_or_extended(story: Story) -> None:
    hold = story.place(100)
    ran_out = story.now + 15 * MINUTE
    story.now = ran_out
    for outcome in (story.release(hold), story.extend(hold)):
        refused(outcome, HoldExpiredError, ended_at=ran_out, required=0, spendable=0)
    [entry] = [entry for entry in story.entries() if entry.reason == "expired"]
    assert (entry.occurred_at, entry.recorded_at, entry.actor) == (ran_out, ran_out, "ledger")
    refused(story.extend(hold), HoldExpiredError, entry=entry.id)


@pytest.mark.parametrize("reason", RELEASES)
def test_a_release_returns_everything_and_frees_the_reference(story: Story, reason: str) -> None:
    job = story.job()
    entry = entry_of(story.release(story.place(100, reference=job), reason))
    assert (entry.reason, entry.resolution, entry.hold_amount) == (reason, "released", -100)
    assert story.account.available == 1_040
    done(story.debit(100, reference=job))


def test_a_release_for_an_unknown_reason_is_refused(story: Story) -> None:
    refused(story.release(story.place(1), "expired"), ValidationError, member="reason")


def test_only_the_service_that_placed_a_hold_may_touch_it(story: Story) -> None:
    hold = story.place(10)
    for outcome in (
        story.capture(hold, 1, actor=OTHER),
        story.release(hold, actor=OTHER),
        story.extend(hold, actor=OTHER),
    ):
        refused(outcome, ScopeDeniedError, subject=hold, owner="studio")
    story.wait(HOUR)
    refused(story.capture(hold, 1, actor=OTHER), ScopeDeniedError)
    refused(story.release(hold, actor=OTHER), ScopeDeniedError)


def test_nobody_knows_a_hold_that_never_was(story: Story) -> None:
    for outcome in (story.capture("hld_x", 1), story.release("hld_x"), story.extend("hld_x")):
        refused(outcome, HoldNotFoundError, hold="hld_x")


def test_holds_run_out_in_order_each_at_its_own_instant(story: Story) -> None:
    lives = (300, 60, 60, 120)
    holds = [hold_of(story.hold(1, ttl_seconds=seconds)) for seconds in lives]
    story.wait(HOUR)
    story.advance()
    released = story.entries()[-4:]
    in_order = sorted(holds, key=lambda hold: (hold.expires_at, hold.id))
    assert [entry.hold_id for entry in released] == [hold.id for hold in in_order]
    assert [entry.occurred_at for entry in released] == [hold.expires_at for hold in in_order]


# Late ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, MINUTE, DAY])
def test_a_late_capture_is_a_debit_that_says_so(story: Story, late: int) -> None:
    hold = story.place(100)
    story.wait(15 * MINUTE + late)
    outcome = done(story.capture(hold, 60))
    entry = entry_of(outcome)
    assert (entry.kind, entry.reason, entry.hold_id) == ("debit", "late_capture", hold)
    assert (entry.amount, entry.resolution) == (-60, None)
    assert hold_of(outcome).status == "expired"
    for again in (story.capture(hold, 60), story.release(hold), story.extend(hold)):
        refused(again, HoldCapturedError, entry=entry.id, amount=100, captured=60)


def test_a_day_and_a_moment_is_too_late(story: Story) -> None:
    hold = story.place(100)
    story.wait(15 * MINUTE + DAY + 1)
    refused(story.capture(hold, 60), HoldExpiredError, required=60, spendable=0)


def test_a_late_capture_needs_funds(story: Story) -> None:
    hold = story.place(100)
    story.wait(HOUR)
    done(story.debit(1_000))
    refused(story.capture(hold, 60), HoldExpiredError, required=60, spendable=40)
    done(story.capture(hold, 40))


def test_a_late_capture_needs_an_active_account(story: Story) -> None:
    hold = story.place(100)
    story.wait(HOUR)
    story.status("suspended")
    refused(story.capture(hold, 60), HoldExpiredError, required=60, spendable=0)


def test_a_late_capture_is_refused_where_the_reference_was_charged_meanwhile(story: Story) -> None:
    job = story.job()
    hold = story.place(100, reference=job)
    story.wait(HOUR)
    entry = entry_of(story.debit(100, reference=job))
    refused(story.capture(hold, 60), AlreadyChargedError, original=entry.id)


@pytest.mark.parametrize(
    ("operation", "quantity", "credits", "taken"),
    [("clone", 1, 51, 50), ("stream", 100, 60, 60)],
)
def test_a_late_capture_of_more_than_was_held_follows_the_operation(
    story: Story, operation: str, quantity: int, credits: int, taken: int
) -> None:
    hold = story.place(quantity, operation)
    story.wait(2 * HOUR)
    assert entry_of(story.capture(hold, credits)).amount == -taken


def test_a_late_capture_of_more_than_was_left_is_refused(story: Story) -> None:
    hold = story.place(100)
    done(story.capture(hold, 30, final=False))
    story.wait(HOUR)
    refused(story.capture(hold, 71), CaptureExceedsHoldError, held=70, requested=71)
    done(story.capture(hold, 70))


# Pins ------------------------------------------------------------------------------------------


def test_pins_are_summed_per_grant() -> None:
    rows = [("a", 5), (None, 2), ("a", 3), ("b", 1), ("b", -1)]
    assert joined(Pin(*row) for row in rows) == (Pin("a", 8), Pin(None, 2))


def test_a_prefix_of_pins_is_spent_and_what_is_left_stays_or_goes() -> None:
    pins = (Pin("a", 5), Pin("b", 5), Pin(None, 5))
    spent, rest = prefix(pins, 7, final=False)
    assert spent == [("a", -5, -5), ("b", -2, -2)]
    assert rest == (Pin("b", 3), Pin(None, 5))
    assert prefix(pins, 7, final=True)[0] == [("a", -5, -5), ("b", -2, -5), (None, 0, -5)]


@pytest.mark.parametrize("together", [True, False])
def test_a_hold_spends_in_burn_order_whatever_was_pinned_first(together: bool) -> None:
    story = Story()
    story.open("plus")
    story.grant(40, "promotion", life=10 * DAY)
    debit = entry_of(story.debit(10))
    hold = story.place(100)
    commands: list[Command] = [
        CaptureHold(actor=STUDIO, hold_id=hold, credits=30, final=False),
        Refund(actor=STUDIO, entry_id=debit.id, reason="failed"),
        ExtendHold(actor=STUDIO, hold_id=hold, ttl_seconds=900, quantity=110),
        CaptureHold(actor=STUDIO, hold_id=hold, credits=35),
    ]
    if together:
        outcomes = story.ledger.post(commands, story.now)
    else:
        outcomes = [story.ask(command) for command in commands]
    assert [draw.amount for draw in done(outcomes[-1]).draws] == [-10, -25]
    assert story.grants == [("allocation", 975, 0)]


def test_a_hold_spends_the_overdraft_last_of_all_it_has_pinned() -> None:
    story = Story()
    story.open("scale")
    hold = story.place(600)
    story.grant(50)
    done(story.extend(hold, quantity=640))
    done(story.capture(hold, 550))
    assert (story.account.posted, story.grants) == (0, [("purchase", 10, 0)])
