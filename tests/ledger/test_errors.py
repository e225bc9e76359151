"""Errors: each says in one sentence which numbers decided."""

from dataclasses import fields
from typing import Any

import pytest

from portal.ledger import errors
from portal.ledger.errors import (
    AlreadyChargedError,
    InProgressError,
    InsufficientCreditsError,
    LawBrokenError,
    LedgerError,
    NumberedError,
    StorageUnavailableError,
    ValidationError,
)

NUMBERED = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, NumberedError) and error is not NumberedError
]


@pytest.mark.parametrize("error", NUMBERED, ids=lambda error: error.__name__)
def test_every_sentence_can_be_told_with_the_numbers_of_its_error(error: type[Any]) -> None:
    numbers = {field.name: f"<{field.name}>" for field in fields(error)}
    made = error(**numbers)
    assert made.numbers() == numbers
    told = str(made)
    assert told.endswith(".")
    assert "{" not in told
    assert "\n" not in told
    assert error.__name__.endswith("Error")


def test_an_error_tells_what_decided() -> None:
    error = InsufficientCreditsError(10, 7, 2, 6, 4, None, 0, ("purchase",))
    assert str(error) == "This needs 10 credits, and 6 may be spent on it: 4 short."
    assert error.numbers()["remedies"] == ("purchase",)
    other = AlreadyChargedError("ent_1", "speak", "task", "job-1")
    assert str(other) == "speak for task job-1 is already charged by ent_1."


def test_errors_are_told_apart_by_identity_and_can_be_kept_in_sets() -> None:
    one, other = ValidationError("credits", "is wrong"), ValidationError("credits", "is wrong")
    assert one != other
    assert len({one, other, one}) == 2


def test_what_may_be_tried_again_says_when() -> None:
    assert InProgressError().numbers() == {"retry_after": 1}
    assert StorageUnavailableError().numbers() == {"retry_after": 1}


def test_an_error_without_numbers_has_none() -> None:
    assert LedgerError().numbers() == {}
    assert str(LedgerError()) == "The ledger refused."


def test_a_broken_law_is_no_refusal() -> None:
    error = LawBrokenError(3, "ada", 7)
    assert not isinstance(error, LedgerError)
    assert (error.law, error.account, error.seq) == (3, "ada", 7)
    assert str(error) == "law 3 would not hold on account ada at seq 7"
