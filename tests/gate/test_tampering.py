"""Gate check 34: with every guard off, whatever is changed in the tables, the audit names it.

Each column of each row is changed and back again, each row deleted and put back. An untouched
ledger is the control: it audits clean before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from portal import ledger
from portal.config import Config
from portal.database import Database
from portal.ledger.tables import metadata
from tests.databases import DIALECTS, Databases
from tests.forgery import Forger, Row, forging, keys_of
from tests.gate.attacks import columns
from tests.ledger.conftest import fill

pytestmark = pytest.mark.gate

# Means nothing: PostgreSQL lends a row lock only to those who may update some column.
MEANINGLESS = {("accounts", "touched")}
TABLES = sorted(metadata.tables)


class Held(NamedTuple):
    """A ledger in a forger's hands."""

    database: Database
    forger: Forger
    config: Config
    now: int

    def found(self) -> tuple[ledger.Difference, ...]:
        """What the audit says now."""
        with self.database.reading() as connection:
            return ledger.audit(connection, now=self.now).differences

    def places(self, table: str, row: Row) -> set[tuple[str | None, int | None]]:
        """The account and seq that an audit may name for a row."""
        if table == "tariffs":
            return {(None, None)}
        if table == "accounts":
            # An account that says more entries than there are is named by the first one missing.
            return {(row["id"], row["seq"]), (row["id"], self.last_of(row["id"]) + 1)}
        account = row["account_id"]
        seq = row.get("seq", row.get("as_of_seq"))
        if table == "requests" and seq is None:
            seq = self.one("SELECT as_of_seq FROM refusals WHERE id = ?", row["refusal_id"])
        return {(account, self.last_of(account) if seq is None else seq)}

    def last_of(self, account: str) -> int:
        """The seq of an account's last entry."""
        return self.one("SELECT max(seq) FROM entries WHERE account_id = ?", account)

    def one(self, statement: str, *values: object) -> int:
        """The single number a statement gives; 0 for none."""
        found = self.forger.execute(statement, *values)
        return (found[0][0] if found else None) or 0


@pytest.fixture(scope="module", params=DIALECTS)
def held(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Held]:
    """A ledger that has lived through everything; whoever changes it changes it back."""
    with databases.fresh(request.param) as config:
        database = Database(config)
        now = fill(database)
        with forging(config, databases) as forger:
            yield Held(database, forger, config, now)
        database.dispose()


@pytest.fixture(autouse=True)
def control(held: Held) -> Iterator[None]:
    """Untouched, the ledger is clean: before each test, and after it put everything back."""
    assert held.found() == ()
    yield
    assert held.found() == ()


def altered(value: Any) -> Any:
    """Another value of the same type, far from every key in use."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if value is None:
        return None
    return value + ("x" if isinstance(value, str) else 100_003)


def sample(rows: list[Row]) -> list[Row]:
    """One row of every kind there is."""
    shapes = ("kind", "origin", "status", "command", "reason")
    found = {
        tuple(row.get(name) for name in shapes[: 4 if "kind" in row else 5]): row for row in rows
    }
    return list(found.values())


def alterations(table: str, name: str, value: Any) -> list[Any]:
    """Values to put in a column's place: another one; none, or one where there was none."""
    column = metadata.tables[table].c[name]
    if value is None:
        return [7 if column.type.python_type is int else "x"]
    return [altered(value), *([None] if column.nullable else [])]


def batches(held: Held, table: str, name: str, rows: list[Row]) -> Iterator[list[Row]]:
    """Rows to change at once: every third, so that no row is found by its neighbour's fault.

    Where a change makes a row another's, each alone: all of them on SQLite, on PostgreSQL,
    where a look costs more, one of each kind.
    """
    if name in {*keys_of(table), "account_id", "seq"}:
        yield from ([row] for row in (rows if held.database.dialect == "sqlite" else sample(rows)))
    else:
        yield from (rows[first::3] for first in range(3) if rows[first::3])


@pytest.mark.parametrize("table", TABLES)
def test_each_column_of_each_row_is_found_when_it_is_changed(held: Held, table: str) -> None:
    missed = []
    rows = held.forger.rows(table)
    for name in columns(table):
        if (table, name) in MEANINGLESS:
            continue
        for batch in batches(held, table, name, rows):
            for turn in range(2):
                tried = [row for row in batch if len(alterations(table, name, row[name])) > turn]
                missed += missed_of(held, table, name, tried, turn)
    assert not missed, missed[:5]


def missed_of(
    held: Held, table: str, name: str, rows: list[Row], turn: int
) -> list[tuple[object, ...]]:
    """Change a column of rows, look, change it back; those that no difference names."""
    known = []
    for row in rows:
        before = held.places(table, row)
        other = alterations(table, name, row[name])[turn]
        changed = held.forger.update(table, row, **{name: other})
        known.append((row, changed, before | held.places(table, changed)))
    found = {(each.account, each.seq) for each in held.found()} if rows else set()
    for row, changed, _ in known:
        held.forger.update(table, changed, **{name: row[name]})
    return [(table, name, row[name], places) for row, _, places in known if not found & places]


@pytest.mark.parametrize("table", TABLES)
def test_each_row_is_missed_when_it_is_deleted(held: Held, table: str) -> None:
    """All but refusals that answer no key: nothing else in the ledger speaks of those."""
    unseen = []
    rows = held.forger.rows(table)
    for row in rows if held.database.dialect == "sqlite" else sample(rows):
        held.forger.delete(table, row)
        found = held.found()
        held.forger.insert(table, row)
        places = {(each.account, each.seq) for each in found}
        if table in ("account_revisions", "refusals"):
            # Only the row itself knew its seq: the next revision names the gap, or the account;
            # the request that a refusal answered names the account.
            seen = row["account_id"] in {each.account for each in found}
        elif table == "tariffs":
            seen = any(each.rule == "tariff" and each.seq for each in found)
        else:
            seen = bool(places & held.places(table, row))
        if not seen:
            unseen.append(row)
    bound = {row["refusal_id"] for row in held.forger.rows("requests")}
    assert all(table == "refusals" and row["id"] not in bound for row in unseen), unseen


def test_the_column_that_means_nothing_is_not_looked_at(held: Held) -> None:
    """The other control: where nothing that counts was changed, nothing is found."""
    row = held.forger.rows("accounts")[0]
    held.forger.update("accounts", row, touched=row["touched"] + 1)
    assert held.found() == ()
