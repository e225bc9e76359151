"""The contract of each endpoint: what it takes, what it answers, and what it may be refused for.

An endpoint that is not here cannot be published, and an answer that is not here is a fault of the
door: the tests hold every answer they get against it.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from portal import ledger, pricing, signing
from portal.internal import bodies, errors, members, queries
from portal.internal.door import SCOPES
from portal.limits import RateLimitedError

Errors = tuple[type[Exception], ...]


class Terms(NamedTuple):
    """One endpoint. answers: the type of what is told, by status."""

    answers: Mapping[int, type]
    refusals: Errors = ()
    body: type[bodies.Body] | None = None
    query: type[queries.BalanceQuery | queries.EntriesQuery] | None = None


# What any request may meet before and behind its view.
_ALWAYS: Final[Errors] = (
    errors.MalformedRequestError,
    signing.SignatureInvalidError,
    signing.SignatureExpiredError,
    errors.BodyTimeoutError,
    errors.PayloadTooLargeError,
    RateLimitedError,
    ledger.StorageUnavailableError,
)
_WRITTEN: Final[Errors] = (errors.UnsupportedMediaTypeError, errors.ValidationError)
_BOUND: Final[Errors] = (
    ledger.InProgressError,
    ledger.IdempotencyKeyReusedError,
    ledger.AccountFrozenError,
)
_PRICED: Final[Errors] = (
    pricing.UnknownOperationError,
    errors.KeyCapError,
    ledger.AccountNotFoundError,
    ledger.AccountSuspendedError,
    ledger.LimitReachedError,
)
_SPENT: Final[Errors] = (
    *_BOUND,
    *_PRICED,
    ledger.InsufficientCreditsError,
    ledger.AlreadyChargedError,
)
_OF_HOLD: Final[Errors] = (
    *_BOUND,
    ledger.HoldNotFoundError,
    ledger.HoldCapturedError,
    ledger.HoldReleasedError,
    ledger.HoldExpiredError,
)
_WIDENED: Final[Errors] = (
    errors.KeyCapError,
    ledger.InsufficientCreditsError,
    ledger.AccountSuspendedError,
)
# What undoes a batch that is to be done as a whole.
_BATCHED: Final[Errors] = (
    *_SPENT,
    ledger.HoldNotFoundError,
    ledger.HoldCapturedError,
    ledger.HoldReleasedError,
    ledger.HoldExpiredError,
    ledger.CaptureExceedsHoldError,
    ledger.EntryNotFoundError,
    ledger.RefundExceedsError,
    ledger.BalanceLimitError,
)
_POSTED: Final = {201: members.Posted}
_HELD: Final = {201: members.PostedHold}

TERMS: Final[Mapping[str, Terms]] = {
    "internal.post_quote": Terms(
        {201: members.QuoteAnswer}, (*_PRICED, ledger.AccountFrozenError), bodies.QuoteBody
    ),
    "internal.post_debit": Terms(_POSTED, _SPENT, bodies.DebitBody),
    "internal.place_hold": Terms(_HELD, _SPENT, bodies.HoldBody),
    "internal.get_hold": Terms({200: members.HoldAnswer}, (ledger.HoldNotFoundError,)),
    "internal.capture_hold": Terms(
        {201: members.PostedHold},
        (*_OF_HOLD, *_WIDENED, ledger.AlreadyChargedError, ledger.CaptureExceedsHoldError),
        bodies.CaptureBody,
    ),
    "internal.release_hold": Terms(_HELD, _OF_HOLD, bodies.ReleaseBody),
    "internal.extend_hold": Terms(
        _HELD, (*_OF_HOLD, *_WIDENED, ledger.LimitReachedError), bodies.ExtendBody
    ),
    "internal.post_refund": Terms(
        _POSTED,
        (*_BOUND, ledger.EntryNotFoundError, ledger.RefundExceedsError, ledger.BalanceLimitError),
        bodies.RefundBody,
    ),
    "internal.post_batch": Terms({201: members.BatchAnswer}, _BATCHED, bodies.BatchBody),
    "internal.post_grant": Terms(
        _POSTED,
        (
            *_BOUND,
            errors.KeyCapError,
            ledger.AccountNotFoundError,
            ledger.AccountSuspendedError,
            ledger.AlreadyGrantedError,
            ledger.LimitReachedError,
            ledger.BalanceLimitError,
        ),
        bodies.GrantBody,
    ),
    "internal.put_account": Terms(
        {200: members.Standing, 201: members.Standing},
        (
            ledger.InProgressError,
            ledger.AccountFrozenError,
            ledger.AccountSuspendedError,
            ledger.BalanceLimitError,
            errors.KeyCapError,
        ),
        bodies.AccountBody,
    ),
    "internal.get_account": Terms({200: members.Standing}, (ledger.AccountNotFoundError,)),
    "internal.get_balance": Terms(
        {200: members.BalanceAnswer},
        (errors.ValidationError, ledger.AccountNotFoundError),
        query=queries.BalanceQuery,
    ),
    "internal.get_entries": Terms(
        {200: members.Entries},
        (errors.ValidationError, ledger.AccountNotFoundError),
        query=queries.EntriesQuery,
    ),
    "internal.get_request": Terms({200: members.Outcome}, (errors.RequestNotFoundError,)),
    "internal.get_openapi": Terms({200: dict}),
}


def refusals_of(endpoint: str, method: str) -> Errors:
    """All that an endpoint may be refused for."""
    terms = TERMS[endpoint]
    found = [*_ALWAYS, *terms.refusals]
    if SCOPES[endpoint]:
        found.append(errors.ScopeDeniedError)
    if terms.body is not None:
        found += _WRITTEN
    if method == "POST":
        found.append(errors.IdempotencyKeyMissingError)
    return tuple(found)
