"""What can be asked of the ledger: one frozen value an intention, and what comes back."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from portal import pricing
from portal.ledger.errors import LedgerError
from portal.ledger.model import SYSTEM, Account, Actor, Draw, Entry, Grant, Hold, Reference, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every command carries: who asked, and under which key (None: the system itself)."""

    actor: Actor = SYSTEM
    request: Request | None = None
    labels: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit(Asked):
    """Charge a quantity of an operation at once; `occurred_at` for late usage (<= 35 days).

    `tariff` names the price list of a quote that is being honoured, else that of the time.
    """

    account_id: str
    operation: str
    quantity: int
    reference: Reference
    occurred_at: int | None = None
    tariff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(Asked):
    """Set the price of a job aside before it runs; `tariff` as in a debit."""

    account_id: str
    operation: str
    quantity: int
    reference: Reference
    occurred_at: int | None = None
    tariff: str | None = None
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold(Asked):
    """Let an open hold live `ttl_seconds` from now; a larger quantity sets more aside."""

    hold_id: str
    ttl_seconds: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureHold(Asked):
    """Charge `credits` of a hold (0 is zero); `final` returns the rest and closes it."""

    hold_id: str
    credits: int
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold(Asked):
    """Close a hold and charge nothing."""

    hold_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Asked):
    """Give back `credits` of a debit or capture (None: all that is left)."""

    entry_id: str
    reason: str
    credits: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGrant(Asked):
    """Give an account a lot of credits, once per reference."""

    account_id: str
    credits: int
    origin: str
    reference: Reference
    expires_at: int | None = None
    effective_at: int | None = None
    priority: int | None = None
    operations: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(Asked):
    """Correct an account by `amount`, with a reason and a second person's approval."""

    account_id: str
    amount: int
    reason: str
    reference: Reference
    approved_by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAccount(Asked):
    """Provision an account, or change its name, tier or time zone; the same again is no change.

    A higher allocation is an upgrade and takes effect now, a lower one at the period's end.
    """

    account_id: str
    name: str
    tier: str
    anchor_at: int | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus(Asked):
    """Activate, suspend, freeze or close an account."""

    account_id: str
    status: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCap(Asked):
    """Cap what an account may spend on an operation (None: on all); no credits: its tier's cap.

    `lift` lets a stop-loss be until its window ends.
    """

    account_id: str
    limit: str
    operation: str | None = None
    credits: int | None = None
    lift: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Asked):
    """Only materialise what has fallen due on an account."""

    account_id: str


Command = (
    Debit
    | PlaceHold
    | ExtendHold
    | CaptureHold
    | ReleaseHold
    | Refund
    | IssueGrant
    | Adjust
    | PutAccount
    | SetStatus
    | SetCap
    | Advance
)

# The name of a command on the wire, in refusals and in `requests`.
NAMES: Final[dict[type, str]] = {
    Debit: "debit",
    PlaceHold: "hold",
    ExtendHold: "extend",
    CaptureHold: "capture",
    ReleaseHold: "release",
    Refund: "refund",
    IssueGrant: "grant",
    Adjust: "adjustment",
    PutAccount: "account",
    SetStatus: "status",
    SetCap: "cap",
    Advance: "advance",
}


class Posted(NamedTuple):
    """A command that was done: its own entry with draws, the hold and the grants it touched.

    `entry` is None where a command changed only the account's terms, or nothing.
    """

    account: Account
    entry: Entry | None = None
    draws: tuple[Draw, ...] = ()
    hold: Hold | None = None
    grants: tuple[Grant, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that was not done, and why; `replayed` if that was the answer before, too."""

    error: LedgerError | pricing.PricingError
    replayed: bool = False
    refusal_id: str | None = field(default=None)


Outcome = Posted | Refused


class UndoneError(Exception):
    """One command of an atomic batch was refused: the database transaction must be given up.

    place: which one, counted from 0. Nothing of the batch is kept, this refusal included;
    refusal_id: of the one that was bound to the command's key before.
    """

    def __init__(self, place: int, error: Exception, refusal_id: str | None = None) -> None:
        super().__init__(f"command {place}: {error}")
        self.place, self.error, self.refusal_id = place, error, refusal_id
