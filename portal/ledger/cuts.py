"""Where an audit is cut into parts: it follows from the rows alone, not from who checks them."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.parts import KEYS, Part, Place, named
from portal.ledger.streams import stream
from portal.ledger.tables import accounts

ROWS_A_PART: Final = 10_000
ACCOUNTS_A_PART: Final = 500


class Head(NamedTuple):
    """An account, and how many entries it says it has."""

    id: str
    seq: int


HEADS: Final = rows.reading(accounts, Head).order_by(accounts.c.id)


def account_parts(connection: Connection) -> Iterator[Part]:
    """Accounts in their order, cut by how many there are and how many entries they say."""
    after: Place | None = None
    count = size = 0
    for account_id, seq in stream(connection, Head, HEADS):
        count += 1
        size += seq
        if (count >= ACCOUNTS_A_PART or size >= ROWS_A_PART) and is_text(account_id):
            yield Part("accounts", after, (account_id,))
            after, count, size = (account_id,), 0, 0
    yield Part("accounts", after)


def key_parts(connection: Connection, check: str) -> Iterator[Part]:
    """All rows of a table by its key, so many a part, the last one open to the end."""
    after: Place | None = None
    while (upto := key_after(connection, check, after)) is not None:
        yield Part(check, after, upto)
        after = upto
    yield Part(check, after)


def key_after(connection: Connection, check: str, after: Place | None) -> Place | None:
    """The key where a part ends that begins after another one; None where it is the last."""
    key = KEYS[check]
    columns: tuple[Any, ...] = key.columns
    keys = sa.select(*columns).order_by(*columns)
    if after is not None:
        keys = keys.where(key.after)
    values = {"rows": ROWS_A_PART - 1, **named("after", after or ())}
    found = connection.execute(keys.offset(sa.bindparam("rows")).limit(1), values).first()
    return tuple(found) if found and all(map(is_text, found)) else None


def is_text(value: str) -> bool:
    """Whether a value can be asked for: a database in which somebody wrote may hold any bytes."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
