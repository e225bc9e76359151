"""The set queries of the posting path, each compiled once."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON

from portal.ledger.model import Account, Answered, Draw, Entry, Grant, Hold
from portal.ledger.records import requests
from portal.ledger.statements import POSTGRESQL, AnyOf, Statement
from portal.ledger.tables import accounts, draws, entries, grants, holds


def columns(table: sa.Table, row: type[Any]) -> list[sa.Column[Any]]:
    """A table's columns in the order of a row's fields."""
    return [table.c[name] for name in row._fields]


def is_word(column: sa.Column[Any], word: str) -> sa.ColumnElement[bool]:
    """A column equal to a fixed word, written out so that partial indexes can serve."""
    return column == sa.literal_column(f"'{word}'")


OF_ENTRY: Final = sa.and_(draws.c.account_id == entries.c.account_id, draws.c.seq == entries.c.seq)
ACCOUNTS: Final = (
    sa.select(*columns(accounts, Account))
    .where(AnyOf(accounts.c.id, "ids"))
    .order_by(accounts.c.id)
)
READ: Final = Statement(ACCOUNTS)
LOCK: Final = Statement(ACCOUNTS.with_for_update(key_share=True))
GRANTS: Final = Statement(
    sa.select(*columns(grants, Grant)).where(
        AnyOf(grants.c.account_id, "ids"), grants.c.remaining > sa.literal_column("0")
    )
)
HOLDS: Final = Statement(
    sa.select(*columns(holds, Hold)).where(
        AnyOf(holds.c.account_id, "ids"), is_word(holds.c.status, "open")
    )
)
REQUESTS: Final = Statement(
    sa.select(*columns(requests, Answered)).where(
        AnyOf(requests.c.service, "services"), AnyOf(requests.c.key, "keys")
    )
)
NAMED_HOLDS: Final = Statement(sa.select(*columns(holds, Hold)).where(AnyOf(holds.c.id, "holds")))
PINS: Final = Statement(
    sa.select(entries.c.hold_id, draws.c.grant_id, draws.c.pinned)
    .join(draws, OF_ENTRY)
    .where(AnyOf(entries.c.hold_id, "holds"))
    .order_by(entries.c.seq, draws.c.position)
)
ENDINGS: Final = Statement(
    sa.select(*columns(entries, Entry)).where(
        AnyOf(entries.c.hold_id, "holds"),
        sa.or_(entries.c.resolution.is_not(None), is_word(entries.c.kind, "debit")),
    )
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
    sa.select(entries.c.id, *columns(draws, Draw))
    .join(draws, OF_ENTRY)
    .where(AnyOf(entries.c.id, "entries"))
    .order_by(draws.c.account_id, draws.c.seq, draws.c.position)
)
DRAWN_GRANTS: Final = Statement(
    sa.select(entries.c.id, *columns(grants, Grant))
    .join(draws, OF_ENTRY)
    .join(grants, grants.c.id == draws.c.grant_id)
    .where(AnyOf(entries.c.id, "entries"))
)
# A refund's draw counts against the grant it was taken from: the drawn one itself, or the
# lapsed parent of a grant that the refund made.
RETURNED: Final = Statement(
    sa.select(
        entries.c.reverses_id,
        sa.case((grants.c.id.is_not(None), grants.c.parent_id), else_=draws.c.grant_id),
        draws.c.amount,
    )
    .select_from(entries)
    .join(draws, OF_ENTRY)
    .outerjoin(
        grants,
        sa.and_(
            grants.c.id == draws.c.grant_id,
            grants.c.account_id == entries.c.account_id,
            grants.c.seq == entries.c.seq,
        ),
    )
    .where(AnyOf(entries.c.reverses_id, "entries"))
)


def wanted(dialect: str) -> sa.TableValuedAlias:
    """A list of lists, given as JSON text, as rows: exact combinations, not a cross product."""
    text = sa.bindparam("wanted", type_=sa.Text())
    if dialect == POSTGRESQL:
        elements = sa.func.json_array_elements(sa.cast(text, JSON))
    else:
        elements = sa.func.json_each(text)
    return elements.table_valued("value", name="wanted")


def by_reference(dialect: str, table: sa.Table, rule: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Rows of a table that charge one of the wanted (account, operation, type, id)."""
    rows = wanted(dialect)
    names = ("account_id", "operation", "reference_type", "reference_id")
    same = [
        table.c[name] == rows.c.value.op("->>")(sa.literal_column(str(place)))
        for place, name in enumerate(names)
    ]
    picked = [table.c[name] for name in (*names, "id")]
    return sa.select(*picked).select_from(rows.join(table, sa.and_(*same))).where(rule)


DEBITED: Final = Statement(
    lambda dialect: by_reference(dialect, entries, is_word(entries.c.kind, "debit"))
)
HELD: Final = Statement(
    lambda dialect: by_reference(
        dialect, holds, sa.or_(is_word(holds.c.status, "open"), is_word(holds.c.status, "captured"))
    )
)
