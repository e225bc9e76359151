"""Deciding an account's terms: provisioning, upgrade, downgrade, status."""

import json
from typing import Final

from portal import pricing
from portal.ledger import caps
from portal.ledger.book import About, Book, Draft
from portal.ledger.commands import Asked, PutAccount, SetCap, SetStatus
from portal.ledger.errors import ValidationError
from portal.ledger.funds import said, tier_of
from portal.ledger.grants import give, new_grant
from portal.ledger.model import AMOUNT_MAX, GENESIS, STATUSES, Account, State
from portal.ledger.stamps import day_of
from portal.ledger.turnover import allocate, limited

UNOPENED: Final = 0


def unopened(command: PutAccount, now: int) -> State:
    """The state of an account that does not exist yet: in the period that `now` is in."""
    anchor_at = now if command.anchor_at is None else command.anchor_at
    number = pricing.period_index(anchor_at, now)
    account = Account(
        command.account_id,
        command.name,
        command.tier,
        None,
        "active",
        0,
        command.time_zone,
        anchor_at,
        pricing.boundary(anchor_at, number),
        pricing.boundary(anchor_at, number + 1),
        0,
        0,
        0,
        GENESIS,
        0,
        None,
        UNOPENED,
        GENESIS,
        now,
    )
    return State(account, (), {}, {})


def put_account(book: Book, command: PutAccount) -> Draft | None:
    """Open an account with its first allocation, or change its terms. Rule: ledger.md §8."""
    tariff = book.tariffs.in_force(book.now)
    tier = tariff.get_tier(command.tier)
    refuse_ending(book, command.tier)
    account = book.account
    if account.revision == UNOPENED:
        book.revise(limited(book, account, tier, 0), "opened", by(command), book.now, "")
        allocate(book, tier, tariff.name, book.now)
        return book.drafts[-1]
    if command.anchor_at not in (None, account.anchor_at):
        rule = f"is {account.anchor_at} and cannot change"
        raise ValidationError("anchor_at", rule, command.anchor_at)
    if (command.name, command.time_zone) != (account.name, account.time_zone):
        renamed = account._replace(name=command.name, time_zone=command.time_zone)
        book.revise(renamed, "renamed", by(command), book.now, "")
    return change_tier(book, command, tariff, tier)


def refuse_ending(book: Book, tier: str) -> None:
    """Refuse a plan that a price list published for later ends: nobody is left behind on it."""
    for tariff in book.tariffs:
        if tariff.effective_at > book.now:
            tariff.get_tier(tier)


def change_tier(
    book: Book, command: PutAccount, tariff: pricing.Tariff, tier: pricing.Tier
) -> Draft | None:
    """Move to a larger tier now, to a smaller one at the period's end; the same keeps it."""
    account = book.account
    if tier.name == account.tier:
        if account.next_tier is not None:
            kept = account._replace(next_tier=None)
            book.revise(kept, "kept", by(command), book.now, "")
        return None
    allocation = tariff.get_tier(account.tier).allocation
    if tier.allocation > allocation:
        return upgrade(book, command, tariff.name, tier, allocation)
    if tier.name != account.next_tier:
        lower = account._replace(next_tier=tier.name)
        book.revise(lower, "downgrade", by(command), book.now, "")
    return None


def upgrade(
    book: Book, command: PutAccount, tariff: str, tier: pricing.Tier, allocation: int
) -> Draft | None:
    """Take a larger tier now: its share of the rest of the period, the coefficient stored."""
    account = book.account
    left, whole = account.period_end - book.now, account.period_end - account.period_start
    credits = pricing.prorated(allocation, tier.allocation, left, whole)
    larger = account._replace(tier=tier.name, next_tier=None)
    upgraded = limited(book, larger, tier, credits)
    book.revise(upgraded, "upgrade", by(command), book.now, f"from {account.tier}")
    if credits == 0:
        return None
    about: About = said(
        command,
        "upgrade",
        reference_type="period",
        reference_id=upgraded_in(book, tier.name, tariff),
        tariff=tariff,
        expires_at=account.period_end,
    )
    share = {"from": account.tier, "left_us": left, "period_us": whole, "to": tier.name}
    about = about._replace(metadata=json.dumps(share, separators=(",", ":")))
    grant = new_grant(book, "allocation", credits, book.now, account.period_end)
    return give(book, about, grant, occurred_at=book.now)


def upgraded_in(book: Book, tier: str, tariff: str) -> str:
    """The natural key of an upgrade: the period and the tier, once under one price list.

    Under one list plans only grow within a period. Where another took its place since the period
    began, plans may have changed places too, so that a tier is reached again.
    """
    key = f"{day_of(book.account.period_start)}/{tier}"
    changed = any(
        book.account.period_start < each.effective_at <= book.now for each in book.tariffs
    )
    return f"{key}/{tariff}" if changed else key


def set_status(book: Book, command: SetStatus) -> None:
    """Activate, suspend, freeze or close an account; the same again is no change."""
    if command.status not in STATUSES:
        raise ValidationError("status", f"must be one of {', '.join(STATUSES)}", command.status)
    if command.status != book.account.status:
        changed = book.account._replace(status=command.status)
        book.revise(changed, command.status, by(command), book.now, command.note or "")


def set_cap(book: Book, command: SetCap) -> None:
    """Set, remove or lift a cap of the account's own; the same again is no change."""
    name = (command.limit, command.operation)
    refuse_unknown_cap(book, command)
    in_force = {cap[:2]: cap for cap in caps.caps_of(book.account, tier_of(book))}
    own = {cap[:2]: cap for cap in caps.read_caps(book.account.caps)}
    if command.lift:
        if name not in in_force:
            raise ValidationError("limit", "is not set, so it cannot be lifted", command.limit)
        _, _, ends_at = caps.window(book.account, command.limit, book.now)
        own[name] = in_force[name]._replace(lifted_until=ends_at)
    elif command.credits is None:
        own.pop(name, None)
    else:
        own[name] = pricing.SpendCap(*name, command.credits)
    changed = book.account._replace(caps=caps.write_caps(own.values()))
    if changed != book.account:
        word = "lifted" if command.lift else "uncapped" if command.credits is None else "capped"
        book.revise(changed, word, by(command), book.now, command.note or "")


def refuse_unknown_cap(book: Book, command: SetCap) -> None:
    """Refuse a cap that nobody knows, of an operation that is none, or not of whole credits."""
    stops = command.limit in pricing.STOP_LOSSES
    if not stops and (command.lift or command.limit not in pricing.CREDIT_CAPS):
        known = pricing.STOP_LOSSES if command.lift else pricing.CREDIT_CAPS + pricing.STOP_LOSSES
        raise ValidationError("limit", f"must be one of {', '.join(known)}", command.limit)
    if command.credits is None:
        return
    if not 0 <= command.credits <= AMOUNT_MAX:
        raise ValidationError("credits", f"must be from 0 to {AMOUNT_MAX}", command.credits)
    if command.operation is not None:
        if stops:
            raise ValidationError("operation", "must be absent: it stops all", command.operation)
        book.tariffs.in_force(book.now).get_operation(command.operation)


def by(command: Asked) -> tuple[str, str]:
    """Who changed the terms."""
    return (command.actor.kind, command.actor.name)
