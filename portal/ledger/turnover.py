"""Materialising what has fallen due, in order, each with its own due time (law 9)."""

from typing import Any, Final

from portal import pricing
from portal.ledger import burn
from portal.ledger.book import About, Book, spent
from portal.ledger.burn import Part
from portal.ledger.grants import give, new_grant
from portal.ledger.holds import expire_hold
from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, SYSTEM, Account, Grant
from portal.ledger.stamps import day_of

LIVE_GRANTS: Final = 64
BY_SYSTEM: Final = (SYSTEM.kind, SYSTEM.name)


def advance(book: Book, since: int = 0) -> None:
    """Bring the account to `book.now`: holds that ran out, periods, grants that lapsed.

    At one instant holds come first (their credits return), then the period, then grants. What
    a hold kept from lapsing lapses when it is free, never before: `since` says when a command
    freed it. What falls due is searched for: no guard proves what an entry says of it, and one that
    said it wrongly would keep its account from ever being advanced.
    """
    cursor = since
    while (due_at := book.due_at()) <= book.now:
        cursor = max(cursor, due_at)
        held = [hold for hold in book.holds.values() if hold.expires_at <= due_at]
        if held:
            expire_hold(book, min(held, key=lambda hold: (hold.expires_at, hold.id)))
        elif book.account.period_end <= due_at:
            turn_over(book, due_at)
        else:
            lapse(book, due_at, cursor)


def lapse(book: Book, due_at: int, occurred_at: int) -> None:
    """Draft the expiry of one grant's unpinned rest, or as much of it as an entry may hold."""
    grant = next(
        grant
        for grant in book.grants
        if grant.expires_at is not None and grant.expires_at <= due_at and grant.free
    )
    about = About("lapsed", expires_at=grant.expires_at)
    gone = min(grant.free, AMOUNT_MAX)
    book.draft("expiry", about, [(grant.id, -gone, 0)], occurred_at=occurred_at)


def turn_over(book: Book, boundary: int) -> None:
    """Close a period and open the next: roll over, expire the rest, allocate. Rule: §8."""
    account = book.account
    closing = book.tariffs.in_force(boundary - 1).get_tier(account.tier)
    tariff = book.tariffs.in_force(boundary)
    tier = tariff.get_tier(account.next_tier or account.tier)
    number = pricing.period_index(account.anchor_at, boundary)
    ends = pricing.boundary(account.anchor_at, number + 1)
    life = closing.rollover.life_periods
    roll_over(book, closing, boundary, pricing.boundary(account.anchor_at, number + life))
    opened = book.account._replace(
        tier=tier.name, next_tier=None, period_start=boundary, period_end=ends
    )
    opened = limited(book, opened, tier, allocated(book, tier))
    book.revise(opened, "turnover", BY_SYSTEM, boundary, "")
    allocate(book, tier, tariff.name, boundary)
    merge(book, boundary)


def limited(book: Book, account: Account, tier: pricing.Tier, incoming: int) -> Account:
    """The account with its tier's overdraft, never less than what stays in use (law 3).

    `incoming` credits are about to repay what is owed, so that much need not be lent again.
    What is free on grants does not count: they may lapse, the debt does not.
    """
    in_use = burn.overdraft_used(book) - min(burn.owed(book), incoming)
    return account._replace(overdraft_limit=max(tier.overdraft, in_use))


def allocated(book: Book, tier: pricing.Tier) -> int:
    """A period's allocation: withheld from closed accounts alone, within the largest balance."""
    if book.account.status == "closed":
        return 0
    return min(tier.allocation, BALANCE_MAX - book.account.posted)


def allocate(book: Book, tier: pricing.Tier, tariff: str, occurred_at: int) -> None:
    """Draft a period's allocation, once per period; one of 0 credits says when it ends, too."""
    account = book.account
    about = About(
        "allocation",
        reference_type="period",
        reference_id=day_of(account.period_start),
        tariff=tariff,
        expires_at=account.period_end,
    )
    start, end = account.period_start, account.period_end
    grant = new_grant(book, "allocation", allocated(book, tier), start, end)
    give(book, about, grant, occurred_at=occurred_at)


def roll_over(book: Book, tier: pricing.Tier, boundary: int, until: int) -> None:
    """Draft what becomes of the unpinned rest of an allocation: carried, and expired.

    What a hold has kept of an older one lapses when it is free; its period is over.
    """
    ending = [
        grant
        for grant in book.grants
        if grant.origin == "allocation" and grant.expires_at == boundary and grant.free
    ]
    rest = sum(grant.free for grant in ending)
    carried = tier.rollover.carried(rest, tier.allocation)
    rolled, lapsed = split(ending, carried)
    period: dict[str, Any] = {
        "reference_type": "period",
        "reference_id": day_of(book.account.period_start),
    }
    if lapsed:
        about = About("period_end", **period)
        book.draft("expiry", about, spent(lapsed), occurred_at=boundary)
    if rolled:
        about = About("rolled_over", **period)
        book.draft("expiry", about, spent(rolled), occurred_at=boundary)
        grant = new_grant(book, "rollover", carried, boundary, until, ending[0].id)
        about = About("rollover", **period, expires_at=until)
        give(book, about, grant, occurred_at=boundary)


def split(grants: list[Grant], carried: int) -> tuple[list[Part], list[Part]]:
    """Parts of grants that make up `carried`, and the parts that are left."""
    rolled, lapsed = [], []
    for grant in grants:
        part = min(grant.free, carried)
        carried -= part
        if part:
            rolled.append(Part(grant.id, part))
        if grant.free > part:
            lapsed.append(Part(grant.id, grant.free - part))
    return rolled, lapsed


def merge(book: Book, occurred_at: int) -> None:
    """Beyond 64 live grants, pour equal ones together: same rank, expiry, operations."""
    if len(book.grants) <= LIVE_GRANTS:
        return
    alike: dict[object, list[Grant]] = {}
    for grant in book.grants:
        if grant.free and grant.effective_at <= occurred_at:
            rank = burn.burn_key(grant)[:3]
            alike.setdefault((rank, grant.operations), []).append(grant)
    for first, *others in alike.values():
        if others:
            poured = sum(grant.free for grant in others)
            draws = [(first.id, poured, 0), *spent(Part(grant.id, grant.free) for grant in others)]
            about = About("merge", approved_by=SYSTEM.name)
            book.draft("adjustment", about, draws, occurred_at=occurred_at)
