"""Rows as they were written before an entry could be its draw itself: read as they ever were."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.config import Config
from portal.database import Database
from portal.ledger.audit import audit
from portal.ledger.commands import Posted
from portal.ledger.loading import load
from portal.ledger.lookups import draws_of
from portal.ledger.replay import outcomes_of
from tests.databases import Databases
from tests.forgery import forging
from tests.ledger.conftest import fill
from tests.ledger.histories import START
from tests.ledger.vault import read

APART = (
    "INSERT INTO draws (account_id, seq, position, grant_id, amount, pinned)"
    " SELECT account_id, seq, 0, grant_id, amount, hold_amount FROM entries"
    " WHERE grant_id IS NOT NULL",
    "UPDATE entries SET grant_id = NULL",
)


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    """A ledger that lived through everything."""
    database = Database(config)
    fill(database)
    yield database
    database.dispose()


def everything(connection: sa.Connection) -> dict[str, Any]:
    """What the ledger says of its draws wherever it reads them; entries without their grant."""
    tables = read(connection)
    entries = [entry for entries in tables.of_account.values() for entry in entries]
    charges = [entry.id for entry in entries if entry.kind in ("debit", "capture")]
    named: list[Any] = [ledger.Refund(entry_id=each, reason="failed") for each in charges]
    named += [ledger.ReleaseHold(hold_id=each, reason="failed") for each in tables.holds]
    known = load(connection, named, START, lock=False)
    again = outcomes_of(connection, tables.requests.values())
    return {
        "draws": {place: rows for place, rows in tables.draws.items() if rows},
        "told": {place: rows for place, rows in draws_of(connection, entries).items() if rows},
        "pins": {name: state.pins for name, state in known.states.items()},
        "reversibles": {
            name: each._replace(entry=each.entry._replace(grant_id=None))
            for name, each in known.reversibles.items()
        },
        "answers": {
            key: (outcome.account, outcome.draws, outcome.hold, outcome.grants)
            for key, outcome in again.items()
            if isinstance(outcome, Posted)
        },
    }


def test_draws_read_alike_whether_they_are_entries_or_rows_of_their_own(
    database: Database, config: Config, databases: Databases
) -> None:
    with database.reading() as connection:
        before = everything(connection)
        size = connection.scalar(sa.text("SELECT count(*) FROM draws"))
    database.dispose()
    with forging(config, databases) as forger:
        for statement in APART:
            forger.execute(statement)
        apart = forger.execute("SELECT count(*) FROM draws")[0][0]
    assert apart > size + len(before["reversibles"])
    again = Database(config)
    with again.reading() as connection:
        assert everything(connection) == before
        assert audit(connection, now=START).clean
    again.dispose()
    assert all(before.values())
