"""The services' library: signs, sends and repeats requests to the portal's door.

It stands on the standard library, the signature and the count of characters, and on nothing else.
"""

from portal.client.answers import (
    Account,
    Balance,
    Draw,
    Entry,
    Hold,
    Outcome,
    Posted,
    Quote,
    Reference,
)
from portal.client.commands import (
    CaptureHold,
    Command,
    Debit,
    ExtendHold,
    PlaceHold,
    Refund,
    ReleaseHold,
)
from portal.client.credits import Credits
from portal.client.errors import (
    AccountFrozenError,
    AccountNotFoundError,
    AccountSuspendedError,
    AlreadyChargedError,
    AlreadyGrantedError,
    ArgumentError,
    BalanceLimitError,
    CaptureExceedsHoldError,
    CreditsError,
    EndedHoldError,
    EntryNotFoundError,
    HoldCapturedError,
    HoldExpiredError,
    HoldNotFoundError,
    HoldReleasedError,
    IdempotencyKeyReusedError,
    InProgressError,
    InsufficientCreditsError,
    KeyCapError,
    LimitReachedError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    RefundExceedsError,
    RefusedError,
    ScopeDeniedError,
    SignatureExpiredError,
    SignatureInvalidError,
    StorageUnavailableError,
    UnknownOperationError,
    UnreachableError,
    ValidationError,
)
from portal.client.holding import HeldCredits
from portal.client.patience import Patience
from portal.client.settings import Settings

__all__ = [
    "Credits", "Settings", "Patience", "HeldCredits",
    "Account", "Balance", "Draw", "Entry", "Hold", "Outcome", "Posted", "Quote", "Reference",
    "Command", "Debit", "PlaceHold", "CaptureHold", "ReleaseHold", "ExtendHold", "Refund",
    "CreditsError", "ArgumentError", "MisconfiguredError", "UnreachableError",
    "OutcomeUnknownError", "EndedHoldError", "RefusedError",
    "AccountFrozenError", "AccountNotFoundError", "AccountSuspendedError", "AlreadyChargedError",
    "AlreadyGrantedError", "BalanceLimitError", "CaptureExceedsHoldError", "EntryNotFoundError",
    "HoldCapturedError", "HoldExpiredError", "HoldNotFoundError", "HoldReleasedError",
    "IdempotencyKeyReusedError", "InProgressError", "InsufficientCreditsError", "KeyCapError",
    "LimitReachedError", "RateLimitedError", "RefundExceedsError", "ScopeDeniedError",
    "SignatureExpiredError", "SignatureInvalidError", "StorageUnavailableError",
    "UnknownOperationError", "ValidationError",
]  # fmt: skip
