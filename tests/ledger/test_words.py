"""portal/ledger/words.py: the wire word of each refusal is its class's name."""

from __future__ import annotations

import pytest

from portal import ledger
from portal.ledger.words import code_of


class HTTPFailedError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ledger.InsufficientCreditsError, "insufficient_credits"),
        (ledger.HoldExpiredError, "hold_expired"),
        (ledger.ValidationError, "validation"),
        (ledger.IdempotencyKeyReusedError, "idempotency_key_reused"),
        (KeyError, "key"),
    ],
)
def test_a_class_is_told_in_snake_case_without_error(error: type[Exception], code: str) -> None:
    assert code_of(error) == code


def test_no_two_refusals_share_a_word() -> None:
    refusals = [kind for kind in vars(ledger).values() if is_refusal(kind)]
    assert len(refusals) > 15
    assert len({code_of(kind) for kind in refusals}) == len(refusals)


def is_refusal(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ledger.LedgerError)
