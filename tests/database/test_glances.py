"""portal/database/glances.py: rows at once, all of one instant, or none at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import Database, glances
from portal.database.postgresql import GLANCING
from tests.database.test_engines import open_account
from tests.databases import Databases

ACCOUNTS = sa.table("accounts", sa.column("id", sa.String))
ONE = sa.select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == sa.bindparam("name"))
ALL = sa.select(ACCOUNTS.c.id).order_by(ACCOUNTS.c.id)
NOBODY = sa.select(sa.table("nobody", sa.column("id")).c.id)
POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def two(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with two accounts, that is looked at again at once whatever failed."""
    monkeypatch.setattr(glances, "REST_SECONDS", 0.0)
    with database.writing() as connection:
        open_account(connection, "acme")
        open_account(connection, "bolt")
    database.glances.connect()
    yield database
    database.dispose()


def test_rows_come_back_select_by_select(two: Database) -> None:
    for _ in range(3):
        asked = [(ONE, {"name": "acme"}), (ALL, {}), (ONE, {"name": "none"})]
        assert two.glances.look(*asked) == [[("acme",)], [("acme",), ("bolt",)], []]


def test_what_was_just_committed_is_seen(two: Database) -> None:
    for number in range(5):
        with two.writing() as connection:
            open_account(connection, f"new-{number}")
            assert two.glances.look((ONE, {"name": f"new-{number}"})) == [[]]
        assert two.glances.look((ONE, {"name": f"new-{number}"})) == [[(f"new-{number}",)]]


def test_nobody_waits_for_another_look(two: Database) -> None:
    with two.glances._alone:
        assert two.glances.look((ALL, {})) is None
    assert two.glances.look((ALL, {})) is not None


def test_no_connection_of_the_others_is_waited_for(databases: Databases, dialect: str) -> None:
    with databases.fresh(dialect, PORTAL_DATABASE_POOL="1") as config:
        full = Database(config)
        with full.reading(), full.reading():
            full.glances.connect()
            assert full.glances.look((ALL, {})) == [[]]
        full.dispose()


def test_a_select_that_fails_is_told_and_the_next_one_works(two: Database) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="nobody"):
            two.glances.look((NOBODY, {}))
        two.glances.connect()
        assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]


@SQLITE
def test_a_handle_that_was_closed_is_a_look_that_fails(two: Database) -> None:
    held = two.glances._connection
    assert held is not None
    driver: Any = held.connection.driver_connection
    driver.close()
    assert two.glances.look((ALL, {})) is None
    two.glances.connect()
    assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]


def test_after_a_failure_nobody_looks_for_a_while(
    two: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glances, "REST_SECONDS", 10.0)
    with pytest.raises(Exception, match="nobody"):
        two.glances.look((NOBODY, {}))
    assert two.glances.look((ALL, {})) is None
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    two.glances.connect()
    assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]


def test_nobody_waits_for_a_connection_that_is_being_made(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes a connection and says no more would keep who waits for good."""
    connect, begun, goes = database.glances._engine.connect, threading.Event(), threading.Event()

    def slowly() -> Any:
        begun.set()
        assert goes.wait(10)
        return connect()

    monkeypatch.setattr(database.glances._engine, "connect", slowly)
    for _ in range(3):
        assert database.glances.look((ALL, {})) is None
        assert begun.wait(10)
    before = time.monotonic()
    monkeypatch.setattr(glances, "CLOSING_SECONDS", 0.1)
    database.glances.close()
    assert time.monotonic() - before < 5
    goes.set()
    database.glances.connect()
    assert database.glances.look((ALL, {})) == [[]]
    database.dispose()


@SQLITE
def test_a_file_that_another_program_keeps_is_left_at_once(two: Database, config: Config) -> None:
    assert config.sqlite_file is not None
    with closing(sqlite3.connect(config.sqlite_file, isolation_level=None)) as other:
        two.dispose()
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        before = time.monotonic()
        two.glances.connect()
        assert two.glances.look((ALL, {})) is None
        assert time.monotonic() - before < 2


def test_what_was_closed_is_opened_again(two: Database) -> None:
    for _ in range(2):
        two.glances.connect()
        assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]
        two.glances.close()


@SQLITE
def test_a_file_that_is_not_there_has_no_rows(config: Config) -> None:
    gone = Database(config)
    assert config.sqlite_file is not None
    config.sqlite_file.unlink()
    gone.glances.connect()
    assert gone.glances.look((ALL, {})) is None
    gone.dispose()


@SQLITE
def test_on_sqlite_nobody_is_kept_from_writing_and_nothing_can_be_written(two: Database) -> None:
    assert two.glances.look((ALL, {})) is not None
    connection: Any = two.glances._connection
    driver = connection.connection.driver_connection
    assert not driver.in_transaction
    with pytest.raises(Exception, match="readonly"):
        driver.execute("DELETE FROM sessions")


def setting(name: str) -> sa.Select[Any]:
    return sa.select(sa.func.current_setting(sa.literal_column(f"'{name}'")))


@POSTGRESQL
def test_on_postgresql_it_reads_one_state_and_can_write_nothing(two: Database) -> None:
    asked = [*GLANCING, "transaction_isolation", "transaction_read_only", "role"]
    found = two.glances.look(*[(setting(name), {}) for name in asked])
    assert found is not None
    assert [rows[0][0] for rows in found] == ["repeatable read", "on"] * 2 + ["portal_app"]


@POSTGRESQL
def test_a_server_that_ends_the_connection_is_asked_again_next_time(two: Database) -> None:
    assert two.glances.look((ALL, {})) is not None
    connection: Any = two.glances._connection
    pid = connection.connection.driver_connection.info.backend_pid
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.1)
    assert two.glances.look((ALL, {})) is None
    two.glances.connect()
    assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]


@POSTGRESQL
def test_a_server_that_is_silent_is_left_at_once(two: Database) -> None:
    assert two.glances.look((ALL, {})) is not None
    connection: Any = two.glances._connection
    pid = connection.connection.driver_connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert two.glances.look((ALL, {})) is None
        assert time.monotonic() - begun < 2
    finally:
        os.kill(pid, signal.SIGCONT)
    two.glances.connect()
    assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]


@POSTGRESQL
def test_rows_that_somebody_keeps_are_read_all_the_same(two: Database) -> None:
    kept, done = threading.Event(), threading.Event()

    def keep() -> None:
        with two.writing() as connection:
            connection.exec_driver_sql("SELECT id FROM accounts FOR UPDATE")
            kept.set()
            done.wait(10)

    thread = threading.Thread(target=keep)
    thread.start()
    assert kept.wait(10)
    assert two.glances.look((ONE, {"name": "acme"})) == [[("acme",)]]
    done.set()
    thread.join()
