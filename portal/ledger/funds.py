"""What a spending command needs before it takes: a price, funds, a status that allows it."""

from dataclasses import replace

from portal import pricing
from portal.ledger import burn, caps
from portal.ledger.book import About, Book
from portal.ledger.burn import Part
from portal.ledger.caps import LATE, LATE_DAYS
from portal.ledger.commands import Asked, Debit, PlaceHold
from portal.ledger.errors import (
    AccountSuspendedError,
    AlreadyChargedError,
    InsufficientCreditsError,
    LimitReachedError,
    ScopeDeniedError,
    ValidationError,
)
from portal.ledger.facts import Facts


def said(
    command: Asked,
    reason: str,
    *,
    reference_type: str | None = None,
    reference_id: str | None = None,
    operation: str | None = None,
    quantity: int | None = None,
    tariff: str | None = None,
    hold_id: str | None = None,
    reverses_id: str | None = None,
    resolution: str | None = None,
    expires_at: int | None = None,
    approved_by: str | None = None,
    note: str | None = None,
) -> About:
    """What an entry says of the command it answers."""
    kind, name, key_id = command.actor
    return About(
        reason,
        reference_type,
        reference_id,
        operation,
        quantity,
        tariff,
        kind,
        name,
        key_id,
        command.request.key if command.request else None,
        hold_id,
        reverses_id,
        resolution,
        expires_at,
        approved_by,
        note,
        command.labels,
        command.metadata,
    )


def priced(book: Book, command: Debit | PlaceHold) -> pricing.Quote:
    """The price by the tariff of its quote, else the one in force when the work was done.

    Work may have been done at most 35 days ago.
    """
    at = command.occurred_at
    if at is None:
        at = book.now
    elif not book.now - LATE <= at <= book.now:
        rule = f"must be in the {LATE_DAYS} days up to now"
        raise ValidationError("occurred_at", rule, command.occurred_at)
    named = command.tariff
    tariff = book.tariffs.in_force(at) if named is None else book.tariffs.named(named)
    return pricing.quote(tariff, command.operation, command.quantity)


def uncharged(book: Book, command: Debit | PlaceHold, facts: Facts) -> None:
    """Refuse what cannot spend now: a suspended account, or a reference that already did."""
    spending(book)
    if facts.charged is not None:
        raise AlreadyChargedError(facts.charged, command.operation, *command.reference)
    units_max = tier_of(book).caps.units_per_job
    if units_max is not None and command.quantity > units_max:
        raise limit_reached(book, "units_per_job", units_max, command.quantity, None)


def spending(book: Book) -> None:
    """Refuse to spend anything new on an account that is not active."""
    if book.account.status != "active":
        raise AccountSuspendedError(book.account.id, book.account.status)


def tier_of(book: Book) -> pricing.Tier:
    """The account's tier under the tariff in force now."""
    return book.tariffs.in_force(book.now).get_tier(book.account.tier)


def limit_reached(
    book: Book, limit: str, maximum: int, requested: int, until: int | None
) -> LimitReachedError:
    """The refusal of what a tier's cap does not allow."""
    account = book.account
    return LimitReachedError(limit, maximum, requested, account.available, account.held, until)


def within_caps(book: Book, facts: Facts, operation: str, credits: int, at: int) -> None:
    """Refuse what passes a cap on spending in its window at `at`, or meets a stop-loss.

    A cap is never passed; a stop-loss lets the job through that reaches it, and none after.
    """
    if facts.spent is None:
        return
    account, tier = book.account, tier_of(book)
    asked = (cap for cap in caps.caps_of(account, tier) if cap.operation in (None, operation))
    for cap, used, ends_at in caps.uses(
        account, asked, facts.spent, book.holds.values(), at, book.now
    ):
        if cap.limit in pricing.STOP_LOSSES:
            passed = used >= cap.credits and at >= (cap.lifted_until or at)
        else:
            passed = credits > 0 and used + credits > cap.credits
        if passed:
            until = ends_at if ends_at > book.now else None
            reached = limit_reached(book, cap.limit, cap.credits, used + credits, until)
            raise replace(reached, used=used, operation=cap.operation)


def funded(book: Book, amount: int, operation: str | None) -> list[Part]:
    """The parts that pay `amount`; raises InsufficientCreditsError when they cannot."""
    parts, lacking = burn.take(book, amount, operation, book.now)
    if lacking:
        raise short(book, amount, operation)
    return parts


def short(book: Book, required: int, operation: str | None) -> InsufficientCreditsError:
    """The refusal of what the account cannot pay, with what would let it pass."""
    account = book.account
    can = burn.spendable(book, operation, book.now)
    tariff = book.tariffs.in_force(book.now)
    allocation = tariff.get_tier(account.next_tier or account.tier).allocation
    larger = tuple(
        f"tier:{tier.name}"
        for tier in tariff.tiers.values()
        if tier.allocation > tariff.get_tier(account.tier).allocation
    )
    remedies = ("purchase", *larger)
    if can + allocation >= required:
        remedies = ("next_allocation", *remedies)
    if account.held >= required - can:
        remedies = ("open_holds", *remedies)
    return InsufficientCreditsError(
        required,
        account.available,
        account.held,
        can,
        required - can,
        account.period_end if allocation else None,
        allocation,
        remedies,
    )


def own(command: Asked, subject: str, owner: str) -> None:
    """Refuse a service that reaches for another service's hold or charge."""
    if command.actor.kind == "service" and command.actor.name != owner:
        raise ScopeDeniedError(subject, owner)
