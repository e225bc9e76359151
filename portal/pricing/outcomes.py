"""What each outcome of a job costs, and who is at fault for a refund (ledger.md §7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from portal.pricing.errors import DeliveryError
from portal.pricing.prices import ceiling

REINSTATED_DAYS = 30
LATE_CAPTURE_SECONDS = 86_400
QUOTE_TTL_SECONDS = 1_800


class Due(StrEnum):
    """How much of the quote an outcome owes."""

    QUOTED = "quoted"
    NOTHING = "nothing"
    DELIVERED = "delivered"
    UNDECIDED = "undecided"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table: how a job ended, what is asked of the service door, what is due.

    `ask` is what the service must do; `why` is the sentence a customer reads.
    """

    name: str
    title: str
    ask: str
    due: Due
    why: str


OUTCOMES: tuple[Outcome, ...] = (
    Outcome(
        "success",
        "The job succeeded",
        "capture the quoted credits",
        Due.QUOTED,
        "You received what was quoted and pay what was quoted.",
    ),
    Outcome(
        "refused",
        "Refused before work began (invalid input, policy, over a limit)",
        "place no hold",
        Due.NOTHING,
        "Nothing was started, so nothing is set aside or charged.",
    ),
    Outcome(
        "failed",
        "Failed with nothing delivered",
        "release the hold with reason `failed`",
        Due.NOTHING,
        "You received nothing, so everything set aside is returned.",
    ),
    Outcome(
        "timed_out",
        "Timed out with nothing delivered",
        "release the hold with reason `timed_out`",
        Due.NOTHING,
        "You received nothing, so everything set aside is returned.",
    ),
    Outcome(
        "partly_delivered",
        "Part was delivered and is kept for you (k of n)",
        "capture ceil(quote × k ÷ n); the rest of the hold returns",
        Due.DELIVERED,
        "You pay for the part you can retrieve, rounded up to a whole credit.",
    ),
    Outcome(
        "partly_lost",
        "Part was made but cannot be retrieved",
        "release the hold with reason `failed`",
        Due.NOTHING,
        "A part you cannot have is not charged.",
    ),
    Outcome(
        "cancelled_before_start",
        "Cancelled before work began",
        "release the hold with reason `cancelled`",
        Due.NOTHING,
        "Nothing was started, so everything set aside is returned.",
    ),
    Outcome(
        "cancelled_after_start",
        "Cancelled after work began (k of n delivered)",
        "capture ceil(quote × k ÷ n), 0 when nothing was delivered",
        Due.DELIVERED,
        "You pay for the part delivered before you cancelled.",
    ),
    Outcome(
        "client_went_away",
        "You disconnected and the job completed",
        "capture the quoted credits; keep the result for the same idempotency key",
        Due.QUOTED,
        "The result is kept: asking again with the same key returns it without a second charge.",
    ),
    Outcome(
        "unknown",
        "Timed out and nobody knows yet how it ended",
        "leave the hold open until the verdict; its time limit releases it",
        Due.UNDECIDED,
        "Not charged yet: the credits stay set aside until it is known or the hold expires.",
    ),
    Outcome(
        "moderated",
        "Blocked by moderation after it was generated",
        "release the hold with reason `moderated`",
        Due.NOTHING,
        "Not charged. Repeated blocks count against an abuse limit.",
    ),
    Outcome(
        "submitted_again",
        "The same job submitted again (same idempotency key)",
        "nothing: the first answer is replayed",
        Due.REPLAYED,
        "A retry is answered with the first result and costs nothing more.",
    ),
)


def due_credits(due: Due, quoted: int, delivered: int = 0, asked: int = 1) -> int:
    """Credits to capture now for a job quoted at `quoted`, with `delivered` of `asked` parts.

    QUOTED owes the quote, DELIVERED ceil(quoted · delivered / asked), all others 0 (UNDECIDED: 0
    until the verdict). Raises DeliveryError unless 0 <= delivered <= asked, asked >= 1 and
    quoted >= 0.
    """
    if quoted < 0 or asked < 1 or not 0 <= delivered <= asked:
        raise DeliveryError(quoted, delivered, asked)
    if due is Due.QUOTED:
        return quoted
    if due is Due.DELIVERED:
        return ceiling(quoted * delivered, asked)
    return 0


class Blame(StrEnum):
    """Whose fault a refund is; it decides what becomes of credits whose grant has lapsed."""

    OURS = "ours"
    NOT_OURS = "not ours"


@dataclass(frozen=True, slots=True)
class RefundReason:
    """A reason code of POST /refunds and whose fault it names."""

    code: str
    title: str
    fault: Blame

    @property
    def reinstates(self) -> bool:
        """Whether credits of a lapsed grant come back to life for REINSTATED_DAYS."""
        return self.fault is Blame.OURS


def _by_code(*reasons: RefundReason) -> Mapping[str, RefundReason]:
    return MappingProxyType({reason.code: reason for reason in reasons})


REFUND_REASONS: Mapping[str, RefundReason] = _by_code(
    RefundReason("failed", "The job failed after it was charged", Blame.OURS),
    RefundReason("timed_out", "The job timed out after it was charged", Blame.OURS),
    RefundReason("partial", "Only part of what was charged was delivered", Blame.OURS),
    RefundReason("wrong_charge", "The charge itself was wrong", Blame.OURS),
    RefundReason("goodwill", "A courtesy, nobody's fault", Blame.NOT_OURS),
    RefundReason("dispute", "A dispute was settled", Blame.NOT_OURS),
)

RELEASE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "failed": "The job failed",
        "cancelled": "The job was cancelled",
        "timed_out": "The job timed out",
        "moderated": "The result was blocked by moderation",
    }
)
