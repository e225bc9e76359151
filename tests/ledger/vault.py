"""The real ledger on a real database, asked as the ledger in memory is."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from portal import ledger, pricing
from portal.database import Database
from portal.ledger.commands import Command, Outcome
from portal.ledger.identifiers import Ids
from portal.ledger.loading import load
from portal.ledger.model import (
    Account,
    Answered,
    Draw,
    Entry,
    Grant,
    Hold,
    Refusal,
    Revision,
)
from portal.ledger.queries import columns
from portal.ledger.records import refusals, requests
from portal.ledger.states import STATES
from portal.ledger.tables import accounts, draws, entries, grants, holds, revisions
from tests.ledger.memory import Tables


class Vault:
    """A ledger on a database; `post`, `preview` and `tables` as `MemoryLedger` has them."""

    def __init__(self, database: Database, tariffs: pricing.Tariffs, ids: Ids) -> None:
        self.database, self.tariffs, self.ids = database, tariffs, ids

    def publish(self) -> None:
        """Store the price lists, as a real one would have them."""
        with self.database.writing() as connection:
            for tariff in self.tariffs:
                now = self.tariffs[0].effective_at
                ledger.publish_tariff(connection, tariff, now=now, published_by="olga@example.com")

    def post(self, commands: Sequence[Command], now: int, *, atomic: bool = False) -> list[Outcome]:
        """Post commands together, in one database transaction."""
        terms: dict[str, Any] = {"now": now, "tariffs": self.tariffs, "ids": self.ids}
        with self.database.writing() as connection:
            return ledger.post(connection, commands, **terms, atomic=atomic)

    def preview(self, command: Command, now: int) -> Outcome:
        """What a command would do; read on a connection that cannot write."""
        with self.database.reading() as connection:
            return ledger.preview(connection, command, now=now, tariffs=self.tariffs, ids=self.ids)

    def account(self, account_id: str) -> Account:
        """One account's row."""
        with self.database.reading() as connection:
            return ledger.get_account(connection, account_id)

    def entries(self, account_id: str) -> list[Entry]:
        """One account's history."""
        statement = sa.select(*columns(entries, Entry)).where(entries.c.account_id == account_id)
        with self.database.reading() as connection:
            found = connection.execute(statement.order_by(entries.c.seq))
            return [Entry(*row) for row in found]

    @property
    def tables(self) -> Tables:
        """Every row there is, read anew."""
        with self.database.reading() as connection:
            return read(connection)


class WatchedVault(Vault):
    """A ledger on a database, whose connection keeps no state but what would be loaded."""

    def post(self, commands: Sequence[Command], now: int, *, atomic: bool = False) -> list[Outcome]:
        """Post commands together, and look at what is kept of it."""
        outcomes = super().post(commands, now, atomic=atomic)
        self.check_kept()
        return outcomes

    def check_kept(self) -> None:
        """What a connection keeps of states is what would be loaded."""
        with self.database.writing() as connection:
            states = connection.info.pop(STATES, None)
            if states is not None:
                ids = connection.execute(sa.select(accounts.c.id)).scalars().all()
                known = load(connection, [ledger.Advance(account_id=each) for each in ids], 0)
                kept = states.find(ids)
                assert kept == {each: known.states[each] for each in kept}
                connection.info[STATES] = states


def own_draw(entry: Entry) -> tuple[Draw, ...]:
    """The draw that an entry is itself, said here once more."""
    numbers = (entry.amount, entry.hold_amount)
    return (Draw(entry.account_id, entry.seq, 0, entry.grant_id, *numbers),)


def read(connection: sa.Connection) -> Tables:
    """All rows of the ledger."""

    def every(table: sa.Table, row: type, *order: str) -> list:
        statement = sa.select(*columns(table, row)).order_by(*(table.c[name] for name in order))
        return [row(*found) for found in connection.execute(statement)]

    tables = Tables()
    tables.accounts = {row.id: row for row in every(accounts, Account, "id")}
    tables.grants = {row.id: row for row in every(grants, Grant, "account_id", "seq", "id")}
    tables.holds = {row.id: row for row in every(holds, Hold, "account_id", "seq")}
    for row in every(revisions, Revision, "account_id", "revision"):
        tables.revisions.setdefault(row.account_id, []).append(row)
    for row in every(draws, Draw, "account_id", "seq", "position"):
        here = (row.account_id, row.seq)
        tables.draws[here] = (*tables.draws.get(here, ()), row)
    for row in every(entries, Entry, "account_id", "seq"):
        tables.index(row)
        if row.grant_id is not None:
            here = (row.account_id, row.seq)
            tables.draws[here] = (*own_draw(row), *tables.draws[here])
    tables.requests = {row[:2]: row for row in every(requests, Answered, "service", "key")}
    tables.refusals = {row.id: row for row in every(refusals, Refusal, "id")}
    return tables
