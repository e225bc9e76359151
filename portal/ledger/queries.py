"""The set queries of the posting path, each compiled once."""

from typing import Any, Final

import sqlalchemy as sa

from portal.ledger.keyed import Keyed
from portal.ledger.model import Account, Answered, Entry, Grant, Hold
from portal.ledger.records import requests, usage_days
from portal.ledger.statements import AnyOf, Statement
from portal.ledger.tables import accounts, draws, entries, grants, holds


def columns(table: sa.Table, row: type[Any]) -> list[sa.Column[Any]]:
    """A table's columns in the order of a row's fields."""
    return [table.c[name] for name in row._fields]


def is_word(column: sa.Column[Any], word: str) -> sa.ColumnElement[bool]:
    """A column equal to a fixed word, written out so that partial indexes can serve."""
    return column == sa.literal_column(f"'{word}'")


# Entries with their draws, which are rows of their own or, of most, the entry itself. (As a view it
# would be read whole by SQLite wherever it is joined.)
OWN: Final = entries.c.grant_id
DRAWING: Final = entries.outerjoin(
    draws, sa.and_(draws.c.account_id == entries.c.account_id, draws.c.seq == entries.c.seq)
)
IS_DRAW: Final = sa.or_(OWN.is_not(None), draws.c.seq.is_not(None))
POSITION: Final = sa.func.coalesce(draws.c.position, sa.literal_column("0"))
GRANT_ID: Final = sa.func.coalesce(OWN, draws.c.grant_id)
AMOUNT: Final = sa.func.coalesce(draws.c.amount, entries.c.amount)
PINNED: Final = sa.func.coalesce(draws.c.pinned, entries.c.hold_amount)
DRAW: Final = (entries.c.account_id, entries.c.seq, POSITION, GRANT_ID, AMOUNT, PINNED)
ACCOUNTS: Final = (
    sa.select(*columns(accounts, Account))
    .where(AnyOf(accounts.c.id, "ids"))
    .order_by(accounts.c.id)
)
READ: Final = Statement(ACCOUNTS)
LOCK: Final = Statement(ACCOUNTS.with_for_update(key_share=True))
GRANTS: Final = Statement(
    sa.select(*columns(grants, Grant)).where(
        AnyOf(grants.c.account_id, "ids"), grants.c.funded == sa.literal_column("1")
    )
)
HOLDS: Final = Statement(
    sa.select(*columns(holds, Hold)).where(
        AnyOf(holds.c.account_id, "ids"), is_word(holds.c.status, "open")
    )
)
HOLDERS: Final = Statement(sa.select(holds.c.account_id).where(AnyOf(holds.c.id, "holds")))
ENTERED: Final = Statement(sa.select(entries.c.account_id).where(AnyOf(entries.c.id, "entries")))
NAMED_HOLDS: Final = Statement(sa.select(*columns(holds, Hold)).where(AnyOf(holds.c.id, "holds")))
PINS: Final = Statement(
    sa.select(entries.c.hold_id, GRANT_ID, PINNED)
    .select_from(DRAWING)
    .where(AnyOf(entries.c.hold_id, "holds"), IS_DRAW)
    .order_by(entries.c.seq, POSITION)
)
ENDINGS: Final = Statement(
    sa.select(*columns(entries, Entry)).where(
        AnyOf(entries.c.hold_id, "holds"),
        sa.or_(entries.c.resolution.is_not(None), is_word(entries.c.kind, "debit")),
    )
)
SPENT: Final = Statement(
    sa.select(
        usage_days.c.account_id,
        usage_days.c.day,
        usage_days.c.operation,
        usage_days.c.charged,
        usage_days.c.refunded,
    ).where(AnyOf(usage_days.c.account_id, "ids"), usage_days.c.day >= sa.bindparam("first"))
)
PAYMENTS: Final = Statement(
    sa.select(entries.c.reference_id, entries.c.id).where(
        AnyOf(entries.c.reference_id, "payments"),
        is_word(entries.c.reference_type, "payment"),
        is_word(entries.c.kind, "grant"),
    )
)
NAMED_ENTRIES: Final = Statement(
    sa.select(*columns(entries, Entry)).where(AnyOf(entries.c.id, "entries"))
)
DRAWN: Final = Statement(
    sa.select(entries.c.id, *DRAW)
    .select_from(DRAWING)
    .where(AnyOf(entries.c.id, "entries"), IS_DRAW)
    .order_by(entries.c.account_id, entries.c.seq, POSITION)
)
DRAWN_GRANTS: Final = Statement(
    sa.select(entries.c.id, *columns(grants, Grant))
    .select_from(DRAWING.join(grants, grants.c.id == GRANT_ID))
    .where(AnyOf(entries.c.id, "entries"))
)
# A refund's draw counts against the grant it was taken from: the drawn one itself, or the
# lapsed parent of a grant that the refund made.
RETURNED: Final = Statement(
    sa.select(
        entries.c.reverses_id,
        sa.case((grants.c.id.is_not(None), grants.c.parent_id), else_=GRANT_ID),
        AMOUNT,
    )
    .select_from(
        DRAWING.outerjoin(
            grants,
            sa.and_(
                grants.c.id == GRANT_ID,
                grants.c.account_id == entries.c.account_id,
                grants.c.seq == entries.c.seq,
            ),
        )
    )
    .where(AnyOf(entries.c.reverses_id, "entries"), IS_DRAW)
)


def by_reference(table: sa.Table) -> tuple[sa.Column[Any], ...]:
    """The natural key of what charges: an operation for one reference, once."""
    names = ("account_id", "operation", "reference_type", "reference_id")
    return tuple(table.c[name] for name in names)


REQUESTS: Final = Keyed(
    (requests.c.service, requests.c.key), sa.select(*columns(requests, Answered))
)
ACCOUNT_ID, *REFERENCE = by_reference(entries)
# Without statistics PostgreSQL takes any index on the account for as good as the one that begins
# with the reference, and one that lists all of a busy account's debits is a hundred times slower:
# so it is not shown the account.
DEBITED: Final = Keyed(
    by_reference(entries),
    sa.select(ACCOUNT_ID, *REFERENCE, entries.c.id).where(is_word(entries.c.kind, "debit")),
    on_postgresql=(ACCOUNT_ID.concat(sa.literal_column("''")), *REFERENCE),
)
HELD: Final = Keyed(
    by_reference(holds),
    sa.select(*by_reference(holds), holds.c.id).where(
        sa.or_(is_word(holds.c.status, "open"), is_word(holds.c.status, "captured"))
    ),
)
