"""Tables read in flat memory, and rows of several handed out side by side.

Every order is the database's own, so a collation cannot tear rows of one account apart: Python
compares account ids for equality alone.
"""

from collections.abc import Callable, Container, Iterator
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.parts import Key, Part
from portal.ledger.rows import Value

ROWS_A_FETCH: Final = 2_000


class Source:
    """How the rows of one table are read for a range of accounts."""

    def __init__(self, kind: type[Any], account: sa.Column[str], *order: sa.Column[Any]) -> None:
        self._kind = kind
        self._key = Key(account, account)
        self._statement = rows.reading(account.table, kind).order_by(account, *order)

    def read(self, connection: Connection, part: Part) -> Iterator[Any]:
        """The rows of a part, by account and the source's order."""
        statement, values = self._key.within(self._statement, part)
        return stream(connection, self._kind, statement, **values)


class Feed:
    """One table's rows of a range of accounts, handed out account by account.

    Rows of an account that is not there are orphans, and given to `orphan`.
    """

    __slots__ = ("_accounts", "_orphan", "_rows", "head")

    def __init__(
        self, found: Iterator[Any], accounts: Container[str], orphan: Callable[[Any], None]
    ) -> None:
        self._rows = found
        self._accounts = accounts
        self._orphan = orphan
        self.head: Any = None
        self.advance()

    def advance(self) -> None:
        """Move to the next row whose account is there; None after the last."""
        for row in self._rows:
            if row.account_id in self._accounts:
                self.head = row
                return
            self._orphan(row)
        self.head = None

    def of(self, account_id: str) -> Iterator[Any]:
        """The rows of one account; accounts must be asked in their order."""
        while (row := self.head) is not None and row.account_id == account_id:
            self.advance()
            yield row

    def upto(self, account_id: str, seq: int) -> list[Any]:
        """The next rows of one account whose seq is at most `seq`."""
        found: list[Any] = []
        while (row := self.head) is not None:
            if row.account_id != account_id or row.seq > seq:
                break
            found.append(row)
            self.advance()
        return found


def stream(
    connection: Connection, kind: type[Value], statement: sa.Select[Any], /, **values: Any
) -> Iterator[Value]:
    """Rows of a statement as values, in flat memory."""
    return map(rows.maker(kind), raw(connection, statement, **values))


def raw(
    connection: Connection, statement: sa.Select[Any], /, **values: Any
) -> Iterator[sa.Row[Any]]:
    """Rows of a statement, through a cursor that stays in the database."""
    found = connection.execute(statement, values, execution_options={"yield_per": ROWS_A_FETCH})
    return chain.from_iterable(found.partitions())
