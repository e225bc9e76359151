"""What entries, grants and refusals are called, in sentences for customers. It computes nothing."""

import json
from typing import Final, NamedTuple

from portal import ledger, pricing
from portal.web.formats import counted, credits


class Kind(NamedTuple):
    """How a kind of entry is shown: its word, and a sign so that colour never stands alone."""

    word: str
    sign: str


KINDS: Final = {
    "grant": Kind("Grant", "+"),
    "debit": Kind("Charge", "\u2212"),
    "hold": Kind("Hold", "\u23f8"),
    "capture": Kind("Charge", "\u2212"),
    "release": Kind("Release", "\u25b7"),
    "expiry": Kind("Expiry", "\u29d6"),
    "refund": Kind("Refund", "\u21a9"),
    "adjustment": Kind("Adjustment", "\u00b1"),
    "denied": Kind("Denied", "\u2298"),
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
    ("refund", "failed"): "Refund: the job failed",
    ("refund", "timed_out"): "Refund: the job timed out",
    ("refund", "partial"): "Refund: only part was delivered",
    ("refund", "wrong_charge"): "Refund: charged by mistake",
    ("refund", "goodwill"): "Refund: goodwill",
    ("refund", "dispute"): "Refund: dispute settled",
    ("release", "failed"): "Released: the job failed, nothing charged",
    ("release", "cancelled"): "Released: cancelled, nothing charged",
    ("release", "timed_out"): "Released: timed out, nothing charged",
    ("release", "moderated"): "Released: blocked by moderation, nothing charged",
    ("release", "expired"): "Released: the hold ran out, nothing charged",
    ("adjustment", "merge"): "Small grants merged into one",
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
    "capture_exceeds_hold": "More was to be charged than had been set aside",
    "refund_exceeds": "More was to be refunded than had been charged",
}
LIMITS: Final = {
    "open_holds": "jobs running at once",
    "units_per_job": "units in one job",
    "live_grants": "live grants",
}


def what(entry: ledger.Entry, tariffs: pricing.Tariffs) -> str:
    """What happened, as a customer would say it."""
    known = SENTENCES.get((entry.kind, entry.reason))
    if known is not None:
        return known
    if entry.kind == "grant":
        return ORIGINS.get(entry.reason, plain(entry.reason))
    if entry.kind == "adjustment":
        return f"Adjustment: {plain(entry.reason).lower()}"
    return job(entry, tariffs)


def job(entry: ledger.Entry, tariffs: pricing.Tariffs) -> str:
    """The job an entry is about: "Generate speech", with what is special about the entry."""
    title = operation_title(entry.operation, entry.tariff, tariffs)
    if entry.kind == "hold":
        return f"{title}: held longer" if entry.reason == "extended" else f"{title}: set aside"
    if entry.reason == "late_capture":
        return f"{title}: charged after the hold ran out"
    return f"{title}: part delivered" if entry.reason == "partial" else title


def quantity(entry: ledger.Entry, tariffs: pricing.Tariffs) -> str:
    """"1,204 characters", or nothing where an entry measures nothing."""
    if entry.quantity is None or entry.operation is None:
        return ""
    return units(entry.operation, entry.quantity, entry.tariff, tariffs)


def units(operation: str, number: int, tariff: str | None, tariffs: pricing.Tariffs) -> str:
    """A number of an operation's units, by the tariff that priced it."""
    found = find_operation(operation, tariff, tariffs)
    return credits(number) if found is None else counted(
        number, found.unit, pricing.plural(found.unit)
    )


def operation_title(operation: str | None, tariff: str | None, tariffs: pricing.Tariffs) -> str:
    """An operation's title in the tariff that priced it, in any other, or its bare name."""
    found = find_operation(operation, tariff, tariffs)
    return found.title if found is not None else plain(operation or "charge")


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
    """Why an attempt was denied, in a few words."""
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


def plain(word: str) -> str:
    """An enum word for people: "late_capture" is "Late capture"."""
    return word.replace("_", " ").replace(".", " ").capitalize()

