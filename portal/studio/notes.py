"""The billing note of a job: what the ledger's entries about it say, in words; nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from portal.client import Entry, Hold

WHY: Final[Mapping[str, str]] = {
    "failed": "the job failed",
    "timed_out": "the job took too long",
    "cancelled": "the job was cancelled",
    "moderated": "the result was blocked by moderation",
    "expired": "the time of the hold was up",
}


def billing_note(entries: Sequence[Entry], hold: Hold | None) -> str:
    """The price of a job by its entries, oldest first; the last sentence says what it comes to.

    hold: how the job's hold stands, where the entries leave it open: when it ends by itself.
    """
    if not entries:
        return "The ledger has no entry for this job: nothing was set aside, nothing is charged."
    told = [line for entry in entries for line in lines(entry)]
    rest = sum(entry.hold_amount for entry in entries)
    if rest and hold is not None and hold.status == "expired":
        # Nobody has touched the account since, so that the entry is yet to be written.
        told.append(f"Back at {clock(hold.expires_at)}: {credits(rest)}, as {WHY['expired']}.")
    elif rest:
        until = "" if hold is None else f" until {clock(hold.expires_at)}"
        return " ".join([*told, f"Not charged yet: they stay set aside{until}."])
    cost = -sum(entry.amount for entry in entries)
    return " ".join([*told, f"This job costs {credits(cost)}."])


def lines(entry: Entry) -> Iterator[str]:
    """What an entry says of credits that moved."""
    charged, back = -entry.amount, -entry.hold_amount
    match entry.kind:
        case "hold" if entry.hold_amount:
            yield f"Set aside: {credits(entry.hold_amount)}."
        case "capture" | "debit":
            late = ", late" if entry.reason == "late_capture" else ""
            yield f"Charged: {credits(charged)}{late}."
            if back > charged:
                yield f"Back: {credits(back - charged)}."
        case "release":
            why = WHY.get(entry.reason or "", entry.reason)
            yield f"Back at {clock(entry.occurred_at)}: {credits(back)}, as {why}."
        case "refund":
            yield f"Refunded: {credits(entry.amount)}."


def credits(amount: int) -> str:
    """An amount with its word."""
    return f"{amount:,} credit" if amount == 1 else f"{amount:,} credits"


def clock(at: int) -> str:
    """The time of day of UTC microseconds, with its zone."""
    return f"{time_of_day(at)} UTC"


def time_of_day(at: int) -> str:
    """The same where the zone is named already."""
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%H:%M:%S}"


def signed(amount: int) -> str:
    """An amount with its sign, as pages write it."""
    return f"{amount:+,}".replace("-", "\N{MINUS SIGN}") if amount else "0"
