"""What tests of the ledger's reads share: a database that has lived through everything."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from portal.database import Database
from portal.ledger.tariffs import publish_tariff
from tests.databases import DIALECTS, Databases
from tests.ledger.histories import START, TARIFFS, Teller, live


class Lived(NamedTuple):
    """A database with the history of `histories.live`, and the instant at its end."""

    database: Database
    now: int


@pytest.fixture(scope="session", params=DIALECTS)
def lived(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Lived]:
    """Read it only: all tests of a kind of database share it."""
    with databases.fresh(request.param) as config:
        database = Database(config)
        yield Lived(database, fill(database))
        database.dispose()


def fill(database: Database) -> int:
    """Write the history; the instant at its end."""
    with database.writing() as connection:
        for tariff in TARIFFS:
            publish_tariff(connection, tariff, now=START, published_by="olga@example.com")
        teller = Teller(connection)
        live(teller)
    return teller.now
