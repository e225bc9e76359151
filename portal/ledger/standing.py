"""What stands on an account: its grants in burn order and its open holds."""

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.burn import in_burn_order
from portal.ledger.errors import HoldNotFoundError
from portal.ledger.model import Entry, Grant, Hold
from portal.ledger.queries import NAMED_HOLDS, is_word
from portal.ledger.statements import read_all
from portal.ledger.tables import grants, holds

HOLD: Final = rows.reading(holds, Hold).where(holds.c.id == sa.bindparam("hold"))
OPEN: Final = (
    rows.reading(holds, Hold)
    .where(holds.c.account_id == sa.bindparam("account"), is_word(holds.c.status, "open"))
    .order_by(holds.c.expires_at, holds.c.id)
)
GRANTS: Final = rows.reading(grants, Grant).where(grants.c.account_id == sa.bindparam("account"))
LIVE: Final = GRANTS.where(
    grants.c.funded == sa.literal_column("1"),
    grants.c.effective_at <= sa.bindparam("at"),
    sa.or_(grants.c.expires_at.is_(None), grants.c.expires_at > sa.bindparam("at")),
)


def find_hold(connection: Connection, hold_id: str) -> Hold | None:
    """The hold of that id, on whichever account, or None."""
    return rows.first(connection, Hold, HOLD, hold=hold_id)


def holds_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Hold]:
    """The holds of these ids, on whichever accounts; those there are."""
    [found] = read_all(connection, [(NAMED_HOLDS, {"holds": list(ids)})])
    return {row[0]: Hold._make(row) for row in found}


def get_hold(connection: Connection, account_id: str, hold_id: str) -> Hold:
    """An account's own hold; raises HoldNotFoundError."""
    hold = find_hold(connection, hold_id)
    if hold is None or hold.account_id != account_id:
        raise HoldNotFoundError(hold_id)
    return hold


def open_holds(connection: Connection, account_id: str) -> tuple[Hold, ...]:
    """Holds not resolved yet, the first to expire first; some may have expired unwritten."""
    return rows.every(connection, Hold, OPEN, account=account_id)


def grants_of(
    connection: Connection, account_id: str, *, live_at: int | None = None
) -> tuple[Grant, ...]:
    """An account's grants in burn order: all, or those with credits to spend at an instant."""
    if live_at is None:
        return in_burn_order(rows.every(connection, Grant, GRANTS, account=account_id))
    return in_burn_order(rows.every(connection, Grant, LIVE, account=account_id, at=live_at))


def hold_after(hold: Hold, chain: Iterable[Entry]) -> Hold:
    """The hold as it stood after a prefix of its chain (entries of the hold in seq order).

    Placing and extending say quantity and expiry and set credits aside, captures spend, the
    entry with a resolution closes it. A late capture is a debit of its own: the hold stays
    expired, with nothing captured.
    """
    hold = hold._replace(amount=0, captured=0, status="open", resolved_seq=None)
    for entry in chain:
        hold = moved(hold, entry)
    return hold


def moved(hold: Hold, entry: Entry) -> Hold:
    """The hold after one more entry of its chain."""
    if entry.kind == "hold":
        hold = hold._replace(
            amount=hold.amount + entry.hold_amount,
            quantity=entry.quantity or hold.quantity,
            expires_at=entry.expires_at or hold.expires_at,
        )
    elif entry.kind == "capture":
        hold = hold._replace(captured=hold.captured - entry.amount)
    if entry.resolution is not None:
        hold = hold._replace(status=entry.resolution, resolved_seq=entry.seq)
    return hold
