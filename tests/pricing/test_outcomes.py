"""The outcome table: complete, and its credits exact."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import (
    OUTCOMES,
    REFUND_REASONS,
    RELEASE_REASONS,
    Blame,
    DeliveryError,
    Due,
    due_credits,
)

DUE = {
    "success": Due.QUOTED,
    "refused": Due.NOTHING,
    "failed": Due.NOTHING,
    "timed_out": Due.NOTHING,
    "partly_delivered": Due.DELIVERED,
    "partly_lost": Due.NOTHING,
    "cancelled_before_start": Due.NOTHING,
    "cancelled_after_start": Due.DELIVERED,
    "client_went_away": Due.QUOTED,
    "unknown": Due.UNDECIDED,
    "moderated": Due.NOTHING,
    "submitted_again": Due.REPLAYED,
}


def test_each_outcome_owes_what_the_table_says() -> None:
    assert {outcome.name: outcome.due for outcome in OUTCOMES} == DUE


def test_outcomes_release_with_the_reasons_the_door_knows() -> None:
    asked = {
        outcome.ask.split("`")[1]
        for outcome in OUTCOMES
        if "release" in outcome.ask and "`" in outcome.ask
    }
    assert asked == set(RELEASE_REASONS)


@pytest.mark.parametrize("due", [Due.NOTHING, Due.UNDECIDED, Due.REPLAYED])
def test_nothing_is_captured_unless_something_was_delivered(due: Due) -> None:
    assert due_credits(due, 1_000, 5, 5) == 0


def test_a_success_owes_the_quote() -> None:
    assert due_credits(Due.QUOTED, 1_000) == 1_000


@pytest.mark.parametrize(
    ("quoted", "delivered", "asked", "credits"),
    [(150, 2, 3, 100), (100, 1, 3, 34), (100, 0, 3, 0), (100, 3, 3, 100), (0, 1, 2, 0)],
)
def test_a_part_owes_its_share_rounded_up(
    quoted: int, delivered: int, asked: int, credits: int
) -> None:
    assert due_credits(Due.DELIVERED, quoted, delivered, asked) == credits


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.data())
def test_a_share_is_the_exact_fraction_rounded_up_and_never_above_the_quote(
    quoted: int, asked: int, data: st.DataObject
) -> None:
    delivered = data.draw(st.integers(0, asked))
    share = due_credits(Due.DELIVERED, quoted, delivered, asked)
    assert share == ceil(Fraction(quoted * delivered, asked))
    assert 0 <= share <= quoted


@pytest.mark.parametrize(
    ("quoted", "delivered", "asked"), [(-1, 0, 1), (5, -1, 1), (5, 2, 1), (5, 0, 0)]
)
def test_it_refuses_an_impossible_delivery(quoted: int, delivered: int, asked: int) -> None:
    with pytest.raises(DeliveryError) as refusal:
        due_credits(Due.QUOTED, quoted, delivered, asked)
    told = (refusal.value.quoted, refusal.value.delivered, refusal.value.asked)
    assert told == (quoted, delivered, asked)


def test_our_fault_reinstates_lapsed_credits_and_nothing_else_does() -> None:
    ours = {code for code, reason in REFUND_REASONS.items() if reason.reinstates}
    assert ours == {"failed", "timed_out", "partial", "wrong_charge"}
    assert set(REFUND_REASONS) - ours == {"goodwill", "dispute"}
    for code, reason in REFUND_REASONS.items():
        assert reason.code == code
        assert reason.fault is (Blame.OURS if code in ours else Blame.NOT_OURS)


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REFUND_REASONS["x"] = REFUND_REASONS["failed"]  # type: ignore[index]
    with pytest.raises(TypeError):
        RELEASE_REASONS["x"] = "y"  # type: ignore[index]
