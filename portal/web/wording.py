"""What entries, grants and refusals are called, in sentences for customers. It computes nothing."""

import json
from typing import Final, NamedTuple

from portal import ledger, pricing
from portal.web.formats import counted, credits


class Kind(NamedTuple):
    """How a kind of entry is shown: its word, and a sign so that colour never stands alone.

    `path` is drawn as a line in a square of 12 by 12.
    """

    word: str
    path: str


class Happened(NamedTuple):
    """What of an entry decides the words for it."""

    kind: str
    reason: str
    operation: str | None
    tariff: str | None


KINDS: Final = {
    "grant": Kind("Grant", "M6 2v8M2 6h8"),
    "debit": Kind("Charge", "M2 6h8"),
    "hold": Kind("Hold", "M4 2v8M8 2v8"),
    "capture": Kind("Charge", "M2 6h8"),
    "release": Kind("Release", "M3 2l6 4-6 4z"),
    "expiry": Kind("Expiry", "M3 1h6L3 11h6z"),
    "refund": Kind("Refund", "M4 2L1.5 4.5 4 7M1.5 4.5h6a3 3 0 0 1 0 6H5"),
    "adjustment": Kind("Adjustment", "M6 1v6M3 4h6M3 10h6"),
    "refusal": Kind("Refusal", "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zM2.5 2.5l7 7"),
}
ORIGINS: Final = {
    "allocation": "Monthly allocation",
    "purchase": "Purchased credits",
    "promotion": "Promotion",
    "goodwill": "Goodwill credits",
    "rollover": "Carried over from the last period",
    "import": "Credits carried in from another system",
    "reinstatement": "Credits reinstated by a refund",
}
SENTENCES: Final = {
    ("grant", "upgrade"): "Allocation added by the upgrade",
    ("expiry", "lapsed"): "Unused credits lapsed",
    ("expiry", "period_end"): "Unused allocation lapsed at the period's end",
    ("expiry", "rolled_over"): "Unused allocation carried into the next period",
    ("expiry", "refund_lapsed"): "Refunded credits whose grant had lapsed before",
    ("adjustment", "merge"): "Small grants merged into one",
}
# What is special about an entry of a job, said after the job's own title.
PHRASES: Final = {
    ("hold", "placed"): "held",
    ("hold", "extended"): "held longer",
    ("capture", "partial"): "part delivered",
    ("debit", "late_capture"): "charged after the hold ran out",
    ("debit", "overflow"): "charged beyond the hold",
    ("release", "failed"): "job failed, credits returned",
    ("release", "cancelled"): "cancelled, credits returned",
    ("release", "timed_out"): "timed out, credits returned",
    ("release", "moderated"): "blocked by moderation, credits returned",
    ("release", "expired"): "hold ran out, credits returned",
    ("refund", "failed"): "job failed, refunded",
    ("refund", "timed_out"): "timed out, refunded",
    ("refund", "partial"): "only part delivered, refunded",
    ("refund", "wrong_charge"): "charged by mistake, refunded",
    ("refund", "goodwill"): "refunded as goodwill",
    ("refund", "dispute"): "dispute settled, refunded",
}
REFUSALS: Final = {
    "insufficient_credits": "Not enough credits",
    "limit_reached": "A limit of your plan was reached",
    "account_suspended": "The account is suspended",
    "account_frozen": "The account is frozen",
    "already_charged": "The same job was charged before",
    "hold_captured": "The hold had been charged already",
    "hold_released": "The hold had been released already",
    "hold_expired": "The hold had run out",
    "capture_exceeds_hold": "More was to be charged than was held",
    "refund_exceeds": "More was to be refunded than had been charged",
}
BELATED: Final = 60_000_000
LIMITS: Final = {
    "open_holds": "jobs running at once",
    "units_per_job": "units in one job",
    "live_grants": "live grants",
}


CAPS: Final = {
    "credits_per_day": "Cap for the day",
    "credits_per_period": "Cap for the period",
    "stop_loss_per_day": "Stop-loss for the day",
    "stop_loss_per_period": "Stop-loss for the period",
}


def what(entry: ledger.Entry | Happened, tariffs: pricing.Tariffs) -> str:
    """What happened, as a customer would say it."""
    known = SENTENCES.get((entry.kind, entry.reason))
    if known is not None:
        return known
    if entry.kind == "grant":
        return ORIGINS.get(entry.reason, plain(entry.reason))
    if entry.kind == "adjustment":
        return f"Adjustment: {plain(entry.reason).lower()}"
    return job(entry, tariffs)


def job(entry: ledger.Entry | Happened, tariffs: pricing.Tariffs) -> str:
    """The job an entry is about, with what is special: "Generate speech: part delivered"."""
    title = operation_title(entry.operation, entry.tariff, tariffs)
    phrase = PHRASES.get((entry.kind, entry.reason))
    return title if phrase is None else f"{title}: {phrase}"


def is_belated(entry: ledger.Entry) -> bool:
    """Whether an entry was recorded noticeably later than what it stands for happened."""
    return entry.recorded_at - entry.occurred_at >= BELATED


def quantity(asked: ledger.Entry | ledger.Refusal, tariffs: pricing.Tariffs) -> str:
    """A quantity with its unit, or nothing where an entry or refusal measures nothing."""
    if asked.quantity is None or asked.operation is None:
        return ""
    tariff = asked.tariff if isinstance(asked, ledger.Entry) else None
    return units(asked.operation, asked.quantity, tariff, tariffs)


def attempt(refusal: ledger.Refusal, tariffs: pricing.Tariffs) -> str:
    """What was asked for and refused."""
    if refusal.operation is None:
        return plain(refusal.command)
    return operation_title(refusal.operation, None, tariffs)


def units(operation: str, number: int, tariff: str | None, tariffs: pricing.Tariffs) -> str:
    """A number of an operation's units, by the tariff that priced it."""
    found = find_operation(operation, tariff, tariffs)
    if found is None:
        return credits(number)
    return counted(number, found.unit, pricing.plural(found.unit))


def operation_title(operation: str | None, tariff: str | None, tariffs: pricing.Tariffs) -> str:
    """An operation's title in the tariff that priced it, in any other, or its bare name."""
    found = find_operation(operation, tariff, tariffs)
    return found.title if found is not None else plain(operation or "job")


def find_operation(
    operation: str | None, tariff: str | None, tariffs: pricing.Tariffs
) -> pricing.Operation | None:
    """The operation as the named tariff has it, else as the newest tariff that knows it has it."""
    by_name = {known.name: known for known in tariffs}
    first = by_name.get(tariff or "")
    for known in (() if first is None else (first,)) + tuple(reversed(tariffs)):
        if operation in known.operations:
            return known.operations[operation or ""]
    return None


def origin(grant: ledger.Grant) -> str:
    """Where a grant came from."""
    return ORIGINS.get(grant.origin, plain(grant.origin))


def refusal_reason(refusal: ledger.Refusal) -> str:
    """Why something was refused, in a few words."""
    return REFUSALS.get(refusal.code, plain(refusal.code))


def refusal_details(refusal: ledger.Refusal) -> dict[str, object]:
    """The numbers a refusal was decided with."""
    details = json.loads(refusal.details)
    return details if isinstance(details, dict) else {}


def pays_for(grant: ledger.Grant, tariffs: pricing.Tariffs) -> str:
    """Which operations a grant may pay for."""
    if grant.operations is None:
        return "everything"
    names = grant.operations.split(",")
    return ", ".join(operation_title(name, None, tariffs) for name in names)


def cap_title(cap: pricing.SpendCap, tariffs: pricing.Tariffs) -> str:
    """What a cap on spending is called: "Cap for the day, Generate speech"."""
    title = CAPS[cap.limit]
    if cap.operation is None:
        return title
    return f"{title}, {operation_title(cap.operation, None, tariffs)}"


def is_lifted(cap: pricing.SpendCap, now: int) -> bool:
    """Whether an admin lets a stop-loss be for now."""
    return cap.lifted_until is not None and now < cap.lifted_until


def plain(word: str) -> str:
    """An enum word for people: "late_capture" is "Late capture"."""
    return word.replace("_", " ").replace(".", " ").capitalize()
