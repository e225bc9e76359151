"""Deciding a refund: back into the original grants, in reverse order of consumption."""

from typing import Final

from portal import pricing
from portal.ledger import burn
from portal.ledger.book import About, Book, Draft
from portal.ledger.commands import Refund
from portal.ledger.errors import EntryNotFoundError, RefundExceedsError, ValidationError
from portal.ledger.facts import Facts
from portal.ledger.funds import own, said
from portal.ledger.grants import new_grant
from portal.ledger.model import DAY, Grant, Reversible

REINSTATED_LIFE: Final = pricing.REINSTATED_DAYS * DAY


def refund(book: Book, command: Refund, facts: Facts) -> Draft:
    """Undo all or part of a debit or capture. Rule: ledger.md §7."""
    reason = pricing.REFUND_REASONS.get(command.reason)
    if reason is None:
        rule = f"must be one of {', '.join(pricing.REFUND_REASONS)}"
        raise ValidationError("reason", rule, command.reason)
    charged = facts.reversible
    if charged is None:
        raise EntryNotFoundError(command.entry_id)
    credits = refundable(command, charged)
    back = spread(charged, credits)
    about = said(
        command,
        command.reason,
        reverses_id=charged.entry.id,
        reference_type=charged.entry.reference_type,
        reference_id=charged.entry.reference_id,
        operation=charged.entry.operation,
        quantity=charged.entry.quantity,
        tariff=charged.entry.tariff,
        note=command.note,
    )
    return give_back(book, about, charged, back, reinstates=reason.reinstates)


def refundable(command: Refund, charged: Reversible) -> int:
    """The credits to give back; raises RefundExceedsError past what is left."""
    entry = charged.entry
    if entry.kind not in ("debit", "capture"):
        rule = f"is a {entry.kind}; only a debit or a capture can be refunded"
        raise ValidationError("entry", rule, entry.id)
    own(command, entry.id, entry.actor)
    left = charged.charged - charged.refunded
    credits = left if command.credits is None else command.credits
    if command.credits is not None and credits < 1:
        raise ValidationError("credits", "must be at least 1", credits)
    if credits > left or left == 0:
        requested = charged.charged if command.credits is None else credits
        raise RefundExceedsError(entry.id, charged.charged, charged.refunded, left, requested)
    return credits


def spread(charged: Reversible, credits: int) -> list[tuple[str | None, int]]:
    """What goes back to each original grant, the last one drawn first."""
    back = []
    for draw in reversed(charged.draws):
        open_part = -draw.amount - charged.returned.get(draw.grant_id, 0)
        part = min(open_part, credits)
        if part:
            back.append((draw.grant_id, part))
            credits -= part
    return back


def give_back(
    book: Book,
    about: About,
    charged: Reversible,
    back: list[tuple[str | None, int]],
    *,
    reinstates: bool,
) -> Draft:
    """Draft the refund, and for grants that have lapsed what becomes of their part.

    Our fault: a reinstated grant of 30 days in the same entry, for the same operations.
    Otherwise the credits return and expire at once, both visible. Overdraft that was repaid
    since comes back as a grant.
    """
    draws: list[tuple[str | None, int, int]] = []
    made: list[Grant] = []
    lapsed: list[tuple[str | None, int, int]] = []
    for grant_id, part in back:
        if grant_id is None:
            draws += owed_back(book, part, made)
            continue
        grant = charged.grants[grant_id]
        gone = grant.expires_at is not None and grant.expires_at <= book.now
        if gone and reinstates:
            until = book.now + REINSTATED_LIFE
            again = new_grant(book, "reinstatement", part, book.now, until, grant_id)
            made.append(again._replace(operations=grant.operations))
            draws.append((again.id, part, 0))
            continue
        book.restore((grant._replace(remaining=0, pinned=0),))
        draws.append((grant_id, part, 0))
        if gone:
            lapsed.append((grant_id, -part, 0))
    draft = book.draft("refund", about, draws, occurred_at=book.now, grants=tuple(made))
    if lapsed:
        reference = {name: getattr(about, name) for name in ("reference_type", "reference_id")}
        about = About("refund_lapsed", **reference)
        book.draft("expiry", about, lapsed, occurred_at=book.now)
    return draft


def owed_back(book: Book, part: int, made: list[Grant]) -> list[tuple[str | None, int, int]]:
    """Draws that give overdraft back: what is still owed, and the rest as a fresh grant."""
    owed = min(part, burn.owed(book))
    draws: list[tuple[str | None, int, int]] = []
    if owed:
        draws.append((None, owed, 0))
    if part > owed:
        made.append(new_grant(book, "reinstatement", part - owed, book.now, None))
        draws.append((made[-1].id, part - owed, 0))
    return draws
