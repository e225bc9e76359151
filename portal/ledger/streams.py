"""Whole tables read in flat memory: pages of accounts, and their rows side by side.

Every range and every order is the database's own, so a collation cannot tear rows of one
account apart: within a page Python compares account ids for equality alone.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.model import Account
from portal.ledger.rows import Value
from portal.ledger.tables import accounts

ACCOUNTS_A_PAGE: Final = 500
ROWS_A_FETCH: Final = 2_000
FIRST: Final = rows.reading(accounts, Account).order_by(accounts.c.id).limit(ACCOUNTS_A_PAGE)
NEXT: Final = FIRST.where(accounts.c.id > sa.bindparam("after"))
ONE: Final = rows.reading(accounts, Account).where(accounts.c.id == sa.bindparam("only"))


class Page(NamedTuple):
    """Accounts in the database's order, and the range of ids they cover.

    `after` and `upto` are None at either end of the table: rows of accounts that are not
    there fall into some page's range, and only there.
    """

    accounts: dict[str, Account]
    after: str | None
    upto: str | None
    only: str | None = None


class Source:
    """How the rows of one table are read for a page: statements for each kind of range."""

    def __init__(self, table: sa.Table, kind: type[Any], *order: sa.Column[Any]) -> None:
        self.kind = kind
        account = table.c.account_id
        statement = rows.reading(table, kind).order_by(account, *order)
        after, upto = account > sa.bindparam("after"), account <= sa.bindparam("upto")
        self._statements = {
            (False, False): statement,
            (True, False): statement.where(after),
            (False, True): statement.where(upto),
            (True, True): statement.where(after, upto),
        }
        self._only = statement.where(account == sa.bindparam("only"))

    def read(self, connection: Connection, page: Page) -> Iterator[Any]:
        """The rows of a page's range, by account and the source's order."""
        if page.only is not None:
            return stream(connection, self.kind, self._only, only=page.only)
        statement = self._statements[page.after is not None, page.upto is not None]
        return stream(connection, self.kind, statement, after=page.after, upto=page.upto)


class Feed:
    """One table's rows of a page, handed out account by account.

    Rows of an account that is not in the page are orphans, and given to `orphan`.
    """

    __slots__ = ("_accounts", "_orphan", "_rows", "head")

    def __init__(self, found: Iterator[Any], page: Page, orphan: Callable[[Any], None]) -> None:
        self._rows = found
        self._accounts = page.accounts
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
        """The rows of one account; accounts must be asked in the page's order."""
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


def pages(connection: Connection, only: str | None = None) -> Iterator[Page]:
    """The whole table of accounts in pages, the last one open to the end; or just one account."""
    if only is not None:
        found = rows.every(connection, Account, ONE, only=only)
        yield Page({account.id: account for account in found}, None, None, only)
        return
    after: str | None = None
    while True:
        found = rows.every(connection, Account, NEXT if after else FIRST, after=after)
        more = len(found) == ACCOUNTS_A_PAGE
        upto = found[-1].id if more else None
        yield Page({account.id: account for account in found}, after, upto)
        if not more:
            return
        after = upto


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
