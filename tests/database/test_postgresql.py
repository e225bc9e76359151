"""portal/database/postgresql.py: the application's role, short waits, and servers refused."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.database import Database, UnsafeDatabaseError, postgresql
from portal.database.errors import state_of
from tests.ledger.stories import Story, debit, done

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


def test_every_connection_has_the_applications_role_and_short_waits(database: Database) -> None:
    for opened in (database.writing, database.reading):
        with opened() as connection:
            for name, value in postgresql.SETTINGS.items():
                assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value


def test_writers_read_what_is_committed_and_readers_one_snapshot(database: Database) -> None:
    level = sa.text("SHOW transaction_isolation")
    with database.writing() as connection:
        assert connection.execute(level).scalar_one() == "read committed"
    with database.reading() as connection:
        assert connection.execute(level).scalar_one() == "repeatable read"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"


def test_a_sound_server_is_named(database: Database) -> None:
    assert database.check().startswith("PostgreSQL ")


def test_a_server_that_forgets_commits_is_refused(database: Database) -> None:
    with database.reading() as connection:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        with pytest.raises(UnsafeDatabaseError, match="synchronous_commit=off"):
            postgresql.check(connection)


def test_a_server_that_does_not_flush_is_refused(dialect: str) -> None:
    class Answer:
        def __init__(self, value: str) -> None:
            self.value = value

        def scalar_one(self) -> str:
            return self.value

    class Unflushed:
        def exec_driver_sql(self, statement: str) -> Answer:
            return Answer("off" if statement == "SHOW fsync" else "on")

    with pytest.raises(UnsafeDatabaseError, match="fsync=off"):
        postgresql.check(Unflushed())  # type: ignore[arg-type]


def test_a_failures_state_is_found_wherever_it_is(database: Database) -> None:
    with pytest.raises(sa.exc.ProgrammingError) as failed, database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")
    assert state_of(failed.value) == "42P01"
    assert state_of(ValueError()) is None


def test_what_a_debit_asks_is_planned_once(database: Database) -> None:
    """Guessed to be cheaper planned anew, each of its statements would be, for ever."""
    story = Story.on(database)
    story.open("pro")
    database.dispose()  # a server process that has not seen a large batch before
    for _ in range(10):
        done(story.ask(debit(1, reference=story.job())))

    def planned_anew(connection: sa.Connection) -> list[str]:
        words = "SELECT statement FROM pg_prepared_statements WHERE custom_plans > 0"
        return list(connection.exec_driver_sql(words).scalars())

    assert database.run(planned_anew) == []
