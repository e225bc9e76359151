"""PostgreSQL keeps plans: none walks through what it should look up, whatever it was made for."""

from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal.config import Config
from portal.database import Database
from portal.ledger import history, replay
from portal.ledger.history import Filter
from portal.ledger.model import Reference
from tests.databases import Databases
from tests.ledger.stories import Story, done, entry_of, key

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
MANY = 100
FEW = 30
KINDS = ("debit", "adjustment")
PREPARED = 3  # times that the driver is asked for something before it prepares it
READ = sa.text("SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables")


@pytest.fixture
def ada(database: Database) -> Story:
    """An account with credits, on a database whose readers have one connection: it keeps plans."""
    story = Story.on(database)
    story.open("plus")
    with database.reading() as connection:
        connection.execute(sa.text("SET plan_cache_mode = force_generic_plan"))
    return story


@pytest.fixture
def count(config: Config, databases: Databases) -> Callable[[], None]:
    """Makes the server look at all tables, as it does by itself from time to time."""
    name = sa.make_url(config.database_url).database or ""
    url = databases.server().url(name).replace("+psycopg", "")

    def vacuum() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    return vacuum


def rows_read(connection: Connection) -> int:
    """Rows of tables that a connection has read in its time, or since it last told the server."""
    return int(connection.execute(READ).scalar_one())


def test_the_answer_of_a_known_key_is_looked_up(
    database: Database, ada: Story, count: Callable[[], None]
) -> None:
    ada.debit(1, request=key("debit"))
    count()  # there are no holds
    with database.reading() as connection:
        assert replay.find_outcome(connection, "studio", "debit") is not None
    held = [done(ada.hold(1, request=key(f"hold-{number}"))) for number in range(MANY)]
    with database.reading() as connection:
        before = rows_read(connection)
        found = replay.find_outcome(connection, "studio", f"hold-{MANY - 1}")
        assert found == held[-1]._replace(replayed=True)
        assert 0 < rows_read(connection) - before < FEW


@pytest.mark.parametrize("kinds", [(), ("debit",), ("adjustment",), ("debit", "adjustment")])
def test_a_history_by_a_reference_is_looked_up(
    database: Database, ada: Story, count: Callable[[], None], kinds: tuple[str, ...]
) -> None:
    named = [entry_of(ada.adjust(-1, reference=Reference("task", "job-1")))]
    named += [entry_of(ada.debit(1)) for _ in range(MANY)]
    count()
    wanted = Filter(reference="job-1", kinds=kinds)
    for _ in range(PREPARED):
        read_of(database, wanted)
    page, read = read_of(database, wanted)
    assert page.entries == tuple(each for each in named[1::-1] if each.kind in (kinds or KINDS))
    assert 0 < read < FEW


def read_of(database: Database, wanted: Filter) -> tuple[history.Page, int]:
    """What a filter keeps of Ada's history, and how many rows it took more than to keep all."""
    with database.reading() as connection:
        history.strip(connection, "ada")
        before = rows_read(connection)
        history.strip(connection, "ada")
        usual = rows_read(connection) - before
        history.strip(connection, "ada", wanted)
        history.export_rows(connection, "ada", wanted, 1, MANY)
        page = history.page(connection, "ada", wanted)
        return page, rows_read(connection) - before - 2 * usual
