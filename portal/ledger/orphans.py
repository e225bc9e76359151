"""Rows that name a row which is not there, found by set queries in the database itself."""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.findings import Findings
from portal.ledger.parts import KEYS, Key, Part
from portal.ledger.queries import is_word
from portal.ledger.records import requests
from portal.ledger.tables import accounts, entries, holds


class Query(NamedTuple):
    """A rule, and a SELECT of account, seq, subject, expected and found where it is broken."""

    rule: str
    broken: sa.Select[Any]
    key: Key = KEYS["entries"]


def _entries_without(rule: str, expected: str, found: sa.Column[Any], has: Any) -> Query:
    """Entries that say something of which there is nothing."""
    broken = sa.select(
        entries.c.account_id, entries.c.seq, entries.c.id, sa.literal(expected), found
    ).where(found.is_not(None), ~has)
    return Query(rule, broken)


HELD: Final = rows.total(holds.c.amount - holds.c.captured)
HELD_SUMS: Final = Query(
    "held",
    sa.select(accounts.c.id, accounts.c.seq, sa.literal("account"), HELD, accounts.c.held)
    .outerjoin_from(
        accounts,
        holds,
        sa.and_(holds.c.account_id == accounts.c.id, is_word(holds.c.status, "open")),
    )
    .group_by(accounts.c.id, accounts.c.seq, accounts.c.held)
    .having(accounts.c.held != HELD),
    Key(accounts.c.id, accounts.c.id),
)

taken = entries.alias("taken")
BACK: Final = rows.total(entries.c.amount)
REFUNDED: Final = Query(
    "refunded",
    sa.select(
        sa.func.max(entries.c.account_id),
        sa.func.max(entries.c.seq),
        entries.c.reverses_id,
        sa.func.max(-taken.c.amount),
        BACK,
    )
    .join_from(entries, taken, taken.c.id == entries.c.reverses_id)
    .where(entries.c.reverses_id.is_not(None))
    .group_by(entries.c.reverses_id)
    .having(sa.func.max(-taken.c.amount) < BACK),
)
# Asked of all rows at once: most entries have no hold and reverse nothing.
WHOLE: Final = (
    HELD_SUMS,
    REFUNDED,
    _entries_without(
        "hold_id",
        "a hold of this account",
        entries.c.hold_id,
        sa.exists().where(
            holds.c.id == entries.c.hold_id, holds.c.account_id == entries.c.account_id
        ),
    ),
    _entries_without(
        "reverses_id",
        "an earlier debit or capture of this account",
        entries.c.reverses_id,
        sa.exists().where(
            taken.c.id == entries.c.reverses_id,
            taken.c.account_id == entries.c.account_id,
            taken.c.seq < entries.c.seq,
            taken.c.kind.in_(("debit", "capture")),
        ),
    ),
)
# Nearly every entry has a key, so this one is asked of some entries at a time.
# A capture that overflows its hold writes two entries under one key: the answer is the
# capture, right after the one that widened the hold.
UNANSWERED: Final = _entries_without(
    "idempotency_key",
    "an answered request",
    entries.c.idempotency_key,
    sa.exists().where(
        requests.c.service == entries.c.actor,
        requests.c.key == entries.c.idempotency_key,
        requests.c.account_id == entries.c.account_id,
        requests.c.seq == entries.c.seq + sa.case((entries.c.reason == "overflow", 1), else_=0),
    ),
)


def check_query(connection: Connection, findings: Findings, query: Query, part: Part) -> None:
    """Run a query over a part; each row it gives is a difference."""
    statement, values = query.key.within(query.broken, part)
    for account_id, seq, subject, expected, found in connection.execute(statement, values):
        findings.note(account_id, seq, query.rule, expected, found, subject)
