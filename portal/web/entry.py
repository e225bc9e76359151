"""One entry: why it is there, what it was paid from, and what became of it."""

from typing import Any, NamedTuple

from flask import Blueprint, Response, abort
from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.web import reasons
from portal.web.formats import counted, zone_of
from portal.web.pages import page
from portal.web.visitor import account_id, members_only

bp = members_only(Blueprint("entry", __name__))


class Funding(NamedTuple):
    """What an entry took from (or gave to) one grant; grant None is the overdraft."""

    grant: ledger.Grant | None
    amount: int
    pinned: int


@bp.get("/ledger/<found_id>")
def why(found_id: str) -> Response:
    """The entry, or the refusal, of that id; another account's is as unknown as any."""
    with current.database.reading() as connection:
        account = ledger.get_account(connection, account_id())
        refusal = ledger.find_refusal(connection, account.id, found_id)
        if refusal is None:
            entry = ledger.find_entry(connection, account.id, found_id)
            if entry is None:
                abort(404)
            template, context = "history/entry.html", story(connection, entry)
        else:
            template, context = "history/refusal.html", {"refusal": refusal}
    shared = {"zone": zone_of(account.time_zone), "now": current.now()}
    return page(template, shared | context | {"tariffs": current.tariffs()})


def story(connection: Connection, entry: ledger.Entry) -> dict[str, Any]:
    """Everything that hangs on an entry."""
    chain = hold_chain(connection, entry)
    reversed_by = ledger.refunds_of(connection, entry.account_id, entry.id)
    return {
        "entry": entry,
        "arithmetic": arithmetic(entry, chain, current.tariffs()),
        "funding": funding(connection, entry),
        "chain": chain,
        "still_open": reasons.still_open(chain, current.now()),
        "refunds": reversed_by,
        "refundable": refundable(entry, reversed_by),
        "reverses": find_reversed(connection, entry),
    }


def hold_chain(connection: Connection, entry: ledger.Entry) -> tuple[ledger.Entry, ...]:
    """All entries of the hold the entry belongs to, in order."""
    if entry.hold_id is None:
        return ()
    return ledger.chain_of_hold(connection, entry.account_id, entry.hold_id)


def find_reversed(connection: Connection, entry: ledger.Entry) -> ledger.Entry | None:
    """What a refund undoes."""
    if entry.reverses_id is None:
        return None
    return ledger.find_entry(connection, entry.account_id, entry.reverses_id)


def refundable(entry: ledger.Entry, refunds: tuple[ledger.Entry, ...]) -> int | None:
    """Credits of a charge that have not been given back; None for what took nothing."""
    if entry.kind not in ("debit", "capture") or entry.amount == 0:
        return None
    return -entry.amount - sum(refund.amount for refund in refunds)


def funding(connection: Connection, entry: ledger.Entry) -> tuple[Funding, ...]:
    """The entry's draws beside the grants they are on, in the order they were taken."""
    draws = ledger.draws_of(connection, [entry])[entry.account_id, entry.seq]
    ids = [draw.grant_id for draw in draws if draw.grant_id is not None]
    grants = ledger.grants_by_id(connection, entry.account_id, ids) if ids else {}
    return tuple(
        Funding(grants.get(draw.grant_id or ""), draw.amount, draw.pinned) for draw in draws
    )


def arithmetic(
    entry: ledger.Entry, chain: tuple[ledger.Entry, ...], tariffs: pricing.Tariffs
) -> tuple[str, ...]:
    """The lines that lead to the entry's credits, ending in them; none where nothing is priced.

    The price is the tariff's own arithmetic, run anew; what a capture or an extension did
    with that price follows in words.
    """
    if entry.operation is None or entry.quantity is None or entry.tariff is None:
        return ()
    if entry.kind not in ("debit", "capture", "hold"):
        return ()
    tariff = tariffs.named(entry.tariff)
    lines = pricing.explain(tariff, entry.operation, entry.quantity)
    price = pricing.quote(tariff, entry.operation, entry.quantity).credits
    return lines + after_price(entry, chain, price)


def after_price(
    entry: ledger.Entry, chain: tuple[ledger.Entry, ...], price: int
) -> tuple[str, ...]:
    """Why an entry took, or held, other credits than the price of the whole job."""
    earlier = [one for one in chain if one.seq < entry.seq]
    held = sum(one.hold_amount for one in earlier)
    if entry.kind == "hold":
        if held == 0:
            return ()
        more = counted(entry.hold_amount, "credit")
        return f"Held before: {counted(held, 'credit')}", f"Held in addition: {more}"
    charged = -entry.amount
    if charged == price:
        return ()
    taken, captured = sum(-one.amount for one in earlier), entry.kind == "capture"
    steps = (
        (taken, "Charged before"),
        (captured * held, "Still held for the job" if taken else "Held for the job while it ran"),
        (captured * (-entry.hold_amount - charged), "Went back, because it was not used"),
        (captured * (held + entry.hold_amount), "Held on, for the rest of the job"),
    )
    lines = [f"{words}: {counted(amount, 'credit')}" for amount, words in steps if amount > 0]
    return *lines, f"Charged for what was used: {counted(charged, 'credit')}"
