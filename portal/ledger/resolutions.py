"""Every hold recomputed from its chain of entries: what was set aside, spent and closed."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger.findings import Findings, Overdue
from portal.ledger.model import Entry, Hold
from portal.ledger.parts import KEYS, Part
from portal.ledger.prices import Prices
from portal.ledger.standing import moved
from portal.ledger.streams import raw
from portal.ledger.tables import entries, holds

WIDTH: Final = len(Hold._fields)
CHAINS: Final = (
    sa.select(
        *(holds.c[name] for name in Hold._fields),
        *(entries.c[name].label(f"entry_{name}") for name in Entry._fields),
    )
    .outerjoin_from(holds, entries, entries.c.hold_id == holds.c.id)
    .order_by(holds.c.id, entries.c.seq)
)


def check_holds(
    connection: Connection,
    findings: Findings,
    prices: Prices,
    *,
    now: int,
    part: Part,
    progress: Callable[[int], object],
) -> None:
    """Compare every hold's row with its chain; list those open past their time at `now`."""
    for hold, chain in chains(connection, part):
        findings.counts["holds"] += 1
        progress(1)
        if not chain:
            findings.note(hold.account_id, hold.seq, "hold", "an entry", "none", f"hold {hold.id}")
            continue
        check_hold(hold, chain, findings, prices)
        if hold.status == "open" and hold.expires_at <= now:
            findings.note_overdue(
                Overdue(hold.account_id, hold.seq, hold.id, hold.rest, hold.expires_at)
            )


def chains(connection: Connection, part: Part) -> Iterator[tuple[Hold, list[Entry]]]:
    """Holds with the entries of their chain in seq order, in flat memory."""
    statement, values = KEYS["holds"].within(CHAINS, part)
    for hold, rows in groupby(raw(connection, statement, **values), key=_hold):
        yield hold, [_entry(row) for row in rows if row[WIDTH] is not None]


def check_hold(hold: Hold, chain: Sequence[Entry], findings: Findings, prices: Prices) -> None:
    """Recompute one hold; differences name the entry that placed it."""
    placed = chain[0]
    subject = f"hold {hold.id}"

    def note(entry: Entry, rule: str, expected: object, found: object) -> None:
        findings.note(entry.account_id, entry.seq, rule, expected, found, subject)

    if (placed.kind, placed.reason) != ("hold", "placed"):
        note(placed, "kind", "hold placed", f"{placed.kind} {placed.reason}")
    ours, aside = opened(placed), 0
    for entry in chain:
        if ours.resolved_seq is not None and entry.reason != "late_capture":
            note(entry, "resolution", f"closed by seq {ours.resolved_seq}", entry.kind)
        ours, before = moved(ours, entry), ours
        aside += entry.hold_amount
        if entry.kind == "hold" and entry.reason == "extended":
            price = prices.price(ours.tariff, ours.operation, ours.quantity)
            if prices.trusts(ours.tariff) and ours.amount != max(price or 0, before.amount):
                note(entry, "price", price, ours.amount)
        over = entry.kind == "debit" and -entry.amount > ours.rest
        if over and not prices.overflows(ours.tariff, ours.operation):
            note(entry, "late_capture", f"<= {ours.rest}", -entry.amount)
        if entry.account_id != placed.account_id:
            note(entry, "account_id", placed.account_id, entry.account_id)
    if aside != (ours.rest if ours.resolved_seq is None else 0):
        note(placed, "hold_amount", ours.rest if ours.resolved_seq is None else 0, aside)
    findings.compare(placed.account_id, placed.seq, ours, hold, Hold._fields, subject)


def opened(placed: Entry) -> Hold:
    """The hold that an entry places, before anything is set aside."""
    return Hold(
        placed.hold_id or "",
        placed.account_id,
        placed.seq,
        placed.actor,
        placed.operation or "",
        placed.quantity or 0,
        placed.tariff or "",
        placed.reference_type or "",
        placed.reference_id or "",
        0,
        0,
        placed.expires_at or 0,
        placed.recorded_at,
        "open",
        None,
    )


def _hold(row: sa.Row[Any]) -> Hold:
    return Hold._make(tuple(row)[:WIDTH])


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry._make(tuple(row)[WIDTH:])
