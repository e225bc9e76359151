"""Moments: the last entry that was recorded by an instant.

`recorded_at` never falls as seq grows, so the entry is found by halving the range of seq on the
primary key: an index on times would cost every entry a third of what writing it costs.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger.tables import accounts, entries


def halving() -> sa.Select[Any]:
    """The highest seq of `account` whose entry was recorded at or before `at`; 0 without one."""
    none = sa.cast(sa.literal_column("0"), sa.BigInteger).label("low")
    span = (
        sa.select(none, accounts.c.seq.label("high"))
        .where(accounts.c.id == sa.bindparam("account"))
        .cte("span", recursive=True)
    )
    middle = (span.c.low + span.c.high + 1) // 2
    known = entries.c.recorded_at <= sa.bindparam("at")
    narrowed = (
        sa.select(
            sa.case((known, entries.c.seq), else_=span.c.low),
            sa.case((known, span.c.high), else_=entries.c.seq - 1),
        )
        .join_from(span, entries, entries.c.seq == middle)
        .where(entries.c.account_id == sa.bindparam("account"), span.c.low < span.c.high)
    )
    span = span.union_all(narrowed)
    return sa.select(span.c.low).where(span.c.low >= span.c.high)


SEQ_RECORDED_BY: Final = halving()


def seq_recorded_by(connection: Connection, account_id: str, at: int) -> int:
    """The seq of an account's last entry recorded at or before `at` (UTC microseconds), or 0."""
    row = connection.execute(SEQ_RECORDED_BY, {"account": account_id, "at": at}).first()
    return 0 if row is None else int(row[0])
