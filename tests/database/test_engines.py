"""portal/database/engines.py: blocks that commit or roll back, snapshots, and trying again."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import BusyError, Database, DatabaseError
from portal.database.engines import TRIES
from tests.databases import Databases

INSERT = sa.text(
    "INSERT INTO accounts (id, head_hash, revision_hash, created_at) VALUES (:id, :zero, :zero, 1)"
)
COUNT = sa.text("SELECT count(*) FROM accounts")


def open_account(connection: sa.Connection, name: str) -> None:
    connection.execute(INSERT, {"id": name, "zero": bytes(32)})


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(COUNT).scalar_one())


class Conflict(sa.exc.OperationalError):
    """A deadlock as PostgreSQL reports it."""

    def __init__(self, state: str) -> None:
        original = Exception("lost a race")
        original.sqlstate = state  # type: ignore[attr-defined]
        super().__init__("SELECT 1", {}, original)


def test_leaving_the_block_commits(database: Database) -> None:
    with database.writing() as connection:
        open_account(connection, "acme")
        assert count(database) == 0, "nothing is seen before the commit"
    assert count(database) == 1


def test_raising_rolls_back(database: Database) -> None:
    def broken() -> None:
        with database.writing() as connection:
            open_account(connection, "acme")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()
    assert count(database) == 0


def test_who_joins_a_snapshot_sees_what_is_shared(config: Config, database: Database) -> None:
    """Whoever commits meanwhile is too late for both; on SQLite he waits for it."""
    others = [Database(config) for _ in range(2)]
    committed = threading.Event()

    def commit() -> None:
        with others[0].writing() as connection:
            open_account(connection, "acme")
        committed.set()

    writer = threading.Thread(target=commit)
    with ExitStack() as joined:
        found: list[sa.Connection] = []

        def join(snapshot: str) -> None:
            writer.start()
            assert committed.wait(0.3 if database.dialect == "sqlite" else 5) == (
                database.dialect == "postgresql"
            )
            found.append(joined.enter_context(others[1].joining(snapshot)))

        with database.sharing(join) as connection:
            found.append(connection)
            assert committed.wait(5), "whoever waits goes on as soon as all have joined"
            assert [each.execute(COUNT).scalar_one() for each in found] == [0, 0]
    writer.join()
    assert count(database) == 1
    for each in others:
        each.dispose()


def test_control_who_reads_by_himself_sees_something_else(
    config: Config, database: Database
) -> None:
    with database.reading() as first:
        assert first.execute(COUNT).scalar_one() == 0
        with database.writing() as connection:
            open_account(connection, "acme")
        with database.reading() as second:
            assert (first.execute(COUNT).scalar_one(), second.execute(COUNT).scalar_one()) == (0, 1)


def test_a_snapshot_that_nobody_joins_is_given_back(database: Database) -> None:
    def fail(_: str) -> None:
        raise BusyError("nobody came")

    with pytest.raises(BusyError, match="nobody came"), database.sharing(fail):
        pass
    with database.writing() as connection:
        open_account(connection, "acme")
    assert count(database) == 1


def test_who_reads_cannot_write(database: Database) -> None:
    with pytest.raises((sa.exc.DBAPIError, DatabaseError)), database.reading() as connection:
        open_account(connection, "acme")
    assert count(database) == 0


def test_a_reader_sees_one_state_to_the_end_of_its_block(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute(COUNT).scalar_one() == 0
        with database.writing() as writer:
            open_account(writer, "acme")
        assert connection.execute(COUNT).scalar_one() == 0
    assert count(database) == 1


def test_writers_at_once_lose_nothing(database: Database) -> None:
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            database.run(lambda connection: open_account(connection, name))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"a{number}",)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert count(database) == 24


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "23505"])
def test_what_a_race_undid_is_done_again(database: Database, state: str) -> None:
    tries: list[int] = []

    def work(connection: sa.Connection) -> str:
        open_account(connection, f"try{len(tries)}")
        tries.append(1)
        if len(tries) < TRIES:
            raise Conflict(state)
        return "done"

    assert database.run(work) == "done"
    assert (len(tries), count(database)) == (TRIES, 1)


def test_a_race_that_is_always_lost_has_an_end(database: Database) -> None:
    tries: list[int] = []

    def work(_: sa.Connection) -> None:
        tries.append(1)
        raise Conflict("55P03")

    with pytest.raises(BusyError):
        database.run(work)
    assert len(tries) == TRIES


def test_another_failure_of_the_database_is_not_repeated(database: Database) -> None:
    tries: list[int] = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.execute(sa.text("SELECT no_such_column FROM accounts"))

    with pytest.raises(sa.exc.DBAPIError, match="no_such_column"):
        database.run(work)
    assert len(tries) == 1


def test_an_error_of_the_work_itself_passes_through(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        open_account(connection, "acme")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        database.run(work)
    assert count(database) == 0


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_writer_that_waits_too_long_is_told_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.database.sqlite.WAIT_SECONDS", 0.05)
    told = []

    def wait() -> None:
        try:
            with database.writing():
                pass
        except BusyError as error:
            told.append(str(error))

    with database.writing():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert len(told) == 1


def test_the_dialect_is_named(databases: Databases, config: Config, dialect: str) -> None:
    database = Database(config)
    assert database.dialect == dialect
    database.dispose()
