"""What the ledger refuses, each error with the numbers needed to act; no status codes.

The sentence under each class is its message; the wire code is the class name in snake
case without `Error` (house words: `InsufficientCreditsError` is `insufficient_credits`).
"""

from dataclasses import dataclass, fields
from typing import Any


class LedgerError(Exception):
    """The ledger refused."""

    def __str__(self) -> str:
        said = {k: ", ".join(v) if isinstance(v, tuple) else v for k, v in self.numbers().items()}
        return (type(self).__doc__ or "").format(**said)

    def numbers(self) -> dict[str, Any]:
        """Members and figures of this refusal, by name."""
        return {}


@dataclass(eq=False)
class NumberedError(LedgerError):
    """The ledger refused, and says which figures decided."""

    def numbers(self) -> dict[str, Any]:
        """Members and figures of this refusal, by name, in declared order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    __str__ = LedgerError.__str__


@dataclass(eq=False)
class InsufficientCreditsError(NumberedError):
    """This needs {required} credits, and {spendable} may be spent on it: {shortfall} short."""

    required: int
    available: int
    held: int
    spendable: int
    shortfall: int
    next_allocation_at: int | None
    next_allocation: int
    remedies: tuple[str, ...]


@dataclass(eq=False)
class LimitReachedError(NumberedError):
    """The limit {limit} allows {maximum}, and this would make it {requested}."""

    limit: str
    maximum: int
    requested: int
    available: int
    held: int
    until: int | None
    # Of a cap on what may be spent: what counts against it already, on which operation.
    used: int | None = None
    operation: str | None = None

    def numbers(self) -> dict[str, Any]:
        """Members and figures of this refusal; a limit of another kind has nothing used."""
        told = super().numbers()
        if self.used is None:
            del told["used"], told["operation"]
        return told


@dataclass(eq=False)
class AccountSuspendedError(NumberedError):
    """Account {account} is {status}: nothing new can be spent on it."""

    account: str
    status: str


@dataclass(eq=False)
class AccountFrozenError(NumberedError):
    """Account {account} is frozen: nothing on it can change until an admin lifts it."""

    account: str


@dataclass(eq=False)
class AccountNotFoundError(NumberedError):
    """There is no account {account}."""

    account: str


@dataclass(eq=False)
class HoldNotFoundError(NumberedError):
    """There is no hold {hold}."""

    hold: str


@dataclass(eq=False)
class EntryNotFoundError(NumberedError):
    """There is no entry {entry}."""

    entry: str


@dataclass(eq=False)
class ScopeDeniedError(NumberedError):
    """{subject} belongs to the service {owner}, and only it may do this."""

    subject: str
    owner: str


@dataclass(eq=False)
class AlreadyChargedError(NumberedError):
    """{operation} for {reference_type} {reference_id} is already charged by {original}."""

    original: str
    operation: str
    reference_type: str
    reference_id: str


@dataclass(eq=False)
class AlreadyGrantedError(NumberedError):
    """{reference_type} {reference_id} already gave credits by {entry}."""

    entry: str
    reference_type: str
    reference_id: str


@dataclass(eq=False)
class HoldCapturedError(NumberedError):
    """Hold {hold} was captured by {entry}, {captured} of {amount} credits."""

    hold: str
    entry: str
    ended_at: int
    amount: int
    captured: int


@dataclass(eq=False)
class HoldReleasedError(NumberedError):
    """Hold {hold} was released by {entry}."""

    hold: str
    entry: str
    ended_at: int
    amount: int
    reason: str


@dataclass(eq=False)
class HoldExpiredError(NumberedError):
    """Hold {hold} expired, and what it asks is not covered any more."""

    hold: str
    entry: str
    ended_at: int
    amount: int
    required: int
    spendable: int


@dataclass(eq=False)
class CaptureExceedsHoldError(NumberedError):
    """Hold {hold} has {held} credits set aside, and {requested} were to be captured."""

    hold: str
    held: int
    requested: int


@dataclass(eq=False)
class RefundExceedsError(NumberedError):
    """{entry} took {charged} credits, {refunded} went back: {requested} more is too much."""

    entry: str
    charged: int
    refunded: int
    refundable: int
    requested: int


@dataclass(eq=False)
class IdempotencyKeyReusedError(NumberedError):
    """The key {key} stands for another request, which differs in {members}."""

    key: str
    members: tuple[str, ...]


@dataclass(eq=False)
class BalanceLimitError(NumberedError):
    """The balance of {account} would pass {maximum} credits."""

    account: str
    maximum: int
    posted: int
    amount: int


@dataclass(eq=False)
class ValidationError(NumberedError):
    """{member} {rule}."""

    member: str
    rule: str
    got: str | int | None = None


@dataclass(eq=False)
class TariffRefusedError(NumberedError):
    """The tariff {tariff} {rule}."""

    tariff: str
    rule: str


@dataclass(eq=False)
class InProgressError(NumberedError):
    """Another request holds this account; ask again after {retry_after} second."""

    retry_after: int = 1


@dataclass(eq=False)
class StorageUnavailableError(NumberedError):
    """The ledger did not answer, and whether this was done is not known: the same key tells."""

    retry_after: int = 1


class LawBrokenError(Exception):
    """A law of the ledger would not hold; the whole database transaction must be given up."""

    def __init__(self, law: int, account: str, seq: int) -> None:
        super().__init__(f"law {law} would not hold on account {account} at seq {seq}")
        self.law = law
        self.account = account
        self.seq = seq
