"""Deciding the two-phase path: place, extend, capture, release, and expiry by time."""

from collections.abc import Iterable
from typing import Any, Final

from portal import pricing
from portal.ledger.book import About, Book, Draft, pinned, spent
from portal.ledger.commands import CaptureHold, ExtendHold, PlaceHold, ReleaseHold
from portal.ledger.errors import (
    AlreadyChargedError,
    CaptureExceedsHoldError,
    HoldCapturedError,
    HoldExpiredError,
    HoldNotFoundError,
    HoldReleasedError,
    InsufficientCreditsError,
    LedgerError,
    ValidationError,
)
from portal.ledger.facts import Facts
from portal.ledger.funds import (
    funded,
    limit_reached,
    own,
    priced,
    said,
    spending,
    tier_of,
    uncharged,
    within_caps,
)
from portal.ledger.model import AMOUNT_MAX, DAY, MICROSECONDS, Hold, Pin

TTL_MAX: Final = 86_400
LATE_CAPTURE: Final = DAY
OPEN_HOLDS_MAX: Final = 1_000
RELEASES: Final = tuple(pricing.RELEASE_REASONS)

Draws = list[tuple[str | None, int, int]]


def place_hold(book: Book, command: PlaceHold, facts: Facts) -> tuple[Draft, Hold]:
    """Set the price of a job aside, pinning grants in burn order. Rule: ledger.md §6."""
    quoted = priced(book, command)
    uncharged(book, command, facts)
    maximum = tier_of(book).caps.open_holds or OPEN_HOLDS_MAX
    if len(book.holds) >= maximum:
        until = min(hold.expires_at for hold in book.holds.values())
        raise limit_reached(book, "open_holds", maximum, len(book.holds) + 1, until)
    operation = book.tariffs.named(quoted.tariff).get_operation(quoted.operation)
    asked_for = command.ttl_seconds
    ttl = whole_ttl(operation.hold_ttl_seconds if asked_for is None else asked_for)
    within_caps(book, facts, quoted.operation, quoted.credits, book.now)
    parts = funded(book, quoted.credits, quoted.operation)
    hold = Hold(
        book.ids.new("hld", book.now),
        book.account.id,
        book.account.seq + 1,
        command.actor.name,
        quoted.operation,
        quoted.quantity,
        quoted.tariff,
        *command.reference,
        quoted.credits,
        0,
        book.now + ttl * MICROSECONDS,
        book.now,
        "open",
        None,
    )
    book.set_hold(hold, tuple(Pin(*part) for part in parts))
    occurred_at = book.now if command.occurred_at is None else command.occurred_at
    about = said(command, "placed", **of_hold(hold), expires_at=hold.expires_at)
    return book.draft("hold", about, pinned(parts), occurred_at=occurred_at), hold


def extend_hold(book: Book, command: ExtendHold, facts: Facts) -> tuple[Draft, Hold]:
    """Let an open hold live on; a larger quantity sets more aside. Rule: ledger.md §6."""
    hold = open_hold(book, command, facts, credits=0)
    until = book.now + whole_ttl(command.ttl_seconds) * MICROSECONDS
    quantity = hold.quantity if command.quantity is None else command.quantity
    if quantity < hold.quantity:
        rule = f"must not be below the {hold.quantity} the hold was placed for"
        raise ValidationError("quantity", rule, quantity)
    units_max = tier_of(book).caps.units_per_job
    if units_max is not None and quantity > max(units_max, hold.quantity):
        raise limit_reached(book, "units_per_job", units_max, quantity, None)
    price = pricing.quote(book.tariffs.named(hold.tariff), hold.operation, quantity).credits
    about = said(command, "extended")
    more = max(0, price - hold.amount)
    if more:
        widenable(book, facts, hold, more)
    return widen(book, hold, about, more, quantity, until)


def widenable(book: Book, facts: Facts, hold: Hold, more: int) -> None:
    """Refuse to set more aside where nothing new may be spent, or a cap would be passed."""
    spending(book)
    within_caps(book, facts, hold.operation, more, book.now)


def widen(
    book: Book, hold: Hold, about: About, more: int, quantity: int, until: int
) -> tuple[Draft, Hold]:
    """Set `more` credits aside on an open hold, and let it live at least until `until`."""
    parts = funded(book, more, hold.operation)
    longer = hold._replace(
        quantity=quantity, amount=hold.amount + more, expires_at=max(hold.expires_at, until)
    )
    book.set_hold(longer, joined((*book.pins[hold.id], *(Pin(*part) for part in parts))))
    about = about._replace(**of_hold(longer), expires_at=longer.expires_at)
    return book.draft("hold", about, pinned(parts), occurred_at=book.now), longer


def capture_hold(book: Book, command: CaptureHold, facts: Facts) -> tuple[Draft, Hold]:
    """Charge part or all of a hold: a prefix of its pins; 0 is zero. Rule: ledger.md §6."""
    if not 0 <= command.credits <= AMOUNT_MAX:
        raise ValidationError("credits", f"must be from 0 to {AMOUNT_MAX}", command.credits)
    if facts.hold is not None and facts.hold.status == "expired":
        return late_capture(book, command, facts), facts.hold
    hold = open_hold(book, command, facts, credits=command.credits)
    credits = allowed(book, hold, command.credits)
    if credits > hold.rest:
        about = said(command, "overflow")
        more = credits - hold.rest
        widenable(book, facts, hold, more)
        _, hold = widen(book, hold, about, more, hold.quantity, hold.expires_at)
    return capture(book, command, hold, credits)


def allowed(book: Book, hold: Hold, credits: int) -> int:
    """The credits to capture; of more than is held, what the operation's rule makes of it."""
    rule = book.tariffs.named(hold.tariff).get_operation(hold.operation).over_capture
    if credits <= hold.rest or rule == "overflow":
        return credits
    if rule == "refuse":
        raise CaptureExceedsHoldError(hold.id, hold.rest, credits)
    return hold.rest


def capture(book: Book, command: CaptureHold, hold: Hold, credits: int) -> tuple[Draft, Hold]:
    """Draft the capture of an open hold; not final, it leaves the rest set aside."""
    draws, rest = prefix(pins_of(book, hold), credits, final=command.final)
    captured = hold._replace(captured=hold.captured + credits)
    if command.final:
        captured = captured._replace(status="captured", resolved_seq=book.account.seq + 1)
        book.drop_hold(hold.id)
    else:
        book.set_hold(captured, rest)
    about = said(
        command,
        "completed" if captured.captured == hold.amount else "partial",
        **of_hold(hold),
        resolution="captured" if command.final else None,
    )
    return book.draft("capture", about, draws, occurred_at=book.now), captured


def prefix(pins: Iterable[Pin], credits: int, *, final: bool) -> tuple[Draws, tuple[Pin, ...]]:
    """Draws that spend `credits` from the first pins and, if final, unpin all; and the rest."""
    draws: dict[str | None, tuple[int, int]] = {}
    rest = []
    for grant_id, amount in pins:
        used = min(amount, credits)
        credits -= used
        spent_before, unpinned_before = draws.get(grant_id, (0, 0))
        unpinned = amount if final else used
        draws[grant_id] = (spent_before - used, unpinned_before - unpinned)
        if used < amount:
            rest.append(Pin(grant_id, amount - used))
    return [(grant_id, *moves) for grant_id, moves in draws.items() if any(moves)], tuple(rest)


def pins_of(book: Book, hold: Hold) -> list[Pin]:
    """What a hold has pinned, in burn order, the overdraft last, whenever it was pinned."""
    order = {grant.id: place for place, grant in enumerate(book.grants)}
    return sorted(book.pins[hold.id], key=lambda pin: order.get(pin.grant_id or "", len(order)))


def joined(pins: Iterable[Pin]) -> tuple[Pin, ...]:
    """Pins summed per grant; no empty ones."""
    sums: dict[str | None, int] = {}
    for grant_id, amount in pins:
        sums[grant_id] = sums.get(grant_id, 0) + amount
    return tuple(Pin(grant_id, amount) for grant_id, amount in sums.items() if amount)


def late_capture(book: Book, command: CaptureHold, facts: Facts) -> Draft:
    """Charge for a job whose hold ran out at most 24 h ago, if funds allow; never silently."""
    hold = facts.hold
    if hold is None:  # pragma: no cover - asked only of an expired hold
        raise HoldNotFoundError(command.hold_id)
    own(command, hold.id, hold.service)
    if facts.late is not None:
        raise captured_by(hold, facts)
    if facts.charged is not None:
        raise AlreadyChargedError(
            facts.charged, hold.operation, hold.reference_type, hold.reference_id
        )
    credits = allowed(book, hold, command.credits)
    if book.now > hold.expires_at + LATE_CAPTURE or book.account.status != "active":
        raise expired(hold, facts, credits, 0)
    within_caps(book, facts, hold.operation, credits, book.now)
    try:
        parts = funded(book, credits, hold.operation)
    except InsufficientCreditsError as error:
        raise expired(hold, facts, credits, error.spendable) from None
    about = said(command, "late_capture", **of_hold(hold))
    return book.draft("debit", about, spent(parts), occurred_at=book.now)


def release_hold(book: Book, command: ReleaseHold, facts: Facts) -> tuple[Draft, Hold]:
    """Close a hold and charge nothing. Rule: ledger.md §6."""
    if command.reason not in RELEASES:
        raise ValidationError("reason", f"must be one of {', '.join(RELEASES)}", command.reason)
    hold = open_hold(book, command, facts, credits=0)
    about = said(command, command.reason, **of_hold(hold), resolution="released")
    return close(book, hold, about, book.now)


def expire_hold(book: Book, hold: Hold) -> tuple[Draft, Hold]:
    """Close a hold that has run out, at the instant it did."""
    about = About("expired", **of_hold(hold), resolution="expired")
    return close(book, hold, about, hold.expires_at)


def close(book: Book, hold: Hold, about: About, occurred_at: int) -> tuple[Draft, Hold]:
    """Draft the release of all that a hold still sets aside."""
    draws, _ = prefix(pins_of(book, hold), 0, final=True)
    book.drop_hold(hold.id)
    status = about.resolution or "released"
    closed = hold._replace(status=status, resolved_seq=book.account.seq + 1)
    return book.draft("release", about, draws, occurred_at=occurred_at), closed


def open_hold(
    book: Book, command: ExtendHold | CaptureHold | ReleaseHold, facts: Facts, *, credits: int
) -> Hold:
    """The open hold a command names; else the refusal that says how and when it ended."""
    hold = book.holds.get(command.hold_id)
    if hold is not None:
        own(command, hold.id, hold.service)
        return hold
    if facts.hold is None:
        raise HoldNotFoundError(command.hold_id)
    own(command, facts.hold.id, facts.hold.service)
    raise ended(facts.hold, facts, credits)


def ended(hold: Hold, facts: Facts, credits: int) -> LedgerError:
    """The refusal of a command on a closed hold."""
    if hold.status == "captured" or facts.late is not None:
        return captured_by(hold, facts)
    if hold.status == "expired" or facts.ended is None:
        return expired(hold, facts, credits, 0)
    entry = facts.ended
    return HoldReleasedError(hold.id, entry.id, entry.occurred_at, hold.amount, entry.reason)


def captured_by(hold: Hold, facts: Facts) -> HoldCapturedError:
    """The refusal that names the capture, on time or late."""
    entry = facts.late or facts.ended
    if entry is None:  # pragma: no cover - a closed hold has the entry that closed it
        raise HoldNotFoundError(hold.id)
    captured = hold.captured - (entry.amount if facts.late else 0)
    return HoldCapturedError(hold.id, entry.id, entry.occurred_at, hold.amount, captured)


def expired(hold: Hold, facts: Facts, required: int, spendable: int) -> HoldExpiredError:
    """The refusal that says when the hold ran out."""
    entry = facts.ended.id if facts.ended else ""
    return HoldExpiredError(hold.id, entry, hold.expires_at, hold.amount, required, spendable)


def whole_ttl(seconds: int) -> int:
    """A time to live within 1 s to 24 h."""
    if not 1 <= seconds <= TTL_MAX:
        raise ValidationError("ttl_seconds", f"must be from 1 to {TTL_MAX}", seconds)
    return seconds


def of_hold(hold: Hold) -> dict[str, Any]:
    """What every entry of a hold says: what it is for, and at which price list."""
    return {
        "hold_id": hold.id,
        "operation": hold.operation,
        "quantity": hold.quantity,
        "tariff": hold.tariff,
        "reference_type": hold.reference_type,
        "reference_id": hold.reference_id,
    }
