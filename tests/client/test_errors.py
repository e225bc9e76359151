"""Refusals as errors: the class of the code, its numbers, and what every one of them has."""

import pickle

import pytest

from portal import ledger
from portal.client.errors import (
    CLASSES,
    InsufficientCreditsError,
    OutcomeUnknownError,
    RefusedError,
    refusal_of,
)
from portal.internal import problems
from tests.client.portals import problem

# Codes that a caller of this library can do nothing about but mend its program.
UNNAMED = {"malformed_request", "idempotency_key_missing", "unsupported_media_type"}


def test_every_class_is_a_code_of_the_door() -> None:
    codes = {ledger.code_of(error): row for error, row in problems.TABLE.items()}
    assert set(CLASSES) <= set(codes)
    assert not set(CLASSES) & UNNAMED


def test_numbers_are_attributes_and_times_are_microseconds() -> None:
    told = problem(
        "insufficient_credits", 402, required=12, next_allocation_at="2026-12-01T00:00:00.000000Z"
    )
    error = refusal_of(402, told, "the-key")
    assert isinstance(error, InsufficientCreditsError)
    assert (error.required, error.next_allocation_at) == (12, 1_796_083_200_000_000)
    declared_only: object = error.held
    assert declared_only is None
    assert error.numbers.keys() == {"required", "next_allocation_at"}
    assert (error.key, error.status, error.retryable) == ("the-key", 402, False)
    assert str(error) == "insufficient_credits: This is insufficient_credits."
    with pytest.raises(AttributeError, match="has no shoe_size"):
        _ = error.shoe_size


def test_codes_of_tomorrow_are_refusals_too() -> None:
    error = refusal_of(409, problem("moon_in_the_way", 409, phase=3, until="soon"))
    assert type(error) is RefusedError
    assert (error.code, error.phase, error.until) == ("moon_in_the_way", 3, "soon")


@pytest.mark.parametrize(
    ("status", "retryable"), [(400, False), (404, False), (429, True), (500, True), (502, True)]
)
def test_failures_of_others_have_a_code_as_well(status: int, retryable: bool) -> None:
    error = refusal_of(status, {})
    assert (error.code, error.retryable) == (f"http_{status}", retryable)


def test_errors_come_back_from_other_processes() -> None:
    error = refusal_of(402, problem("insufficient_credits", 402, required=12), "the-key")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(back), back.required, back.key) == (type(error), 12, "the-key")
    lost = pickle.loads(pickle.dumps(OutcomeUnknownError("k", 6, "gone")))  # noqa: S301
    assert (lost.key, lost.tries, str(lost)) == ("k", 6, str(OutcomeUnknownError("k", 6, "gone")))
