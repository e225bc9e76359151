"""portal/database/errors.py: whether a failure means busy, away, or a refusal that will stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from portal.database import (
    BusyError,
    Database,
    DatabaseError,
    LockedError,
    UnsafeDatabaseError,
    sqlite,
)
from portal.database.errors import CLOSED, code_of, find_failure, is_down, may_repeat, state_of


class Told(psycopg.Error):
    """An error as PostgreSQL reports it."""

    def __init__(self, state: str | None) -> None:
        super().__init__("said the server")
        self.sqlstate = state


def within(error: Exception) -> sa.exc.DBAPIError:
    """A driver's error as SQLAlchemy wraps it."""
    return sa.exc.DBAPIError("SELECT 1", {}, error)


def numbered(code: int) -> sqlite3.OperationalError:
    """An error as SQLite reports it."""
    error = sqlite3.OperationalError("said SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("wrap", [within, lambda error: error], ids=["wrapped", "bare"])
@pytest.mark.parametrize(
    ("error", "kind", "repeats"),
    [
        (Told("40001"), BusyError, True),
        (Told("40P01"), BusyError, True),
        (Told("55P03"), LockedError, True),
        (Told("57014"), BusyError, False),
        (Told("23505"), None, True),
        (Told("23503"), None, False),
        (Told("P0001"), None, False),
        (Told("42501"), None, False),
        (Told("22021"), None, False),
        (Told("08006"), DatabaseError, False),
        (Told("53100"), DatabaseError, False),
        (Told("57P01"), DatabaseError, False),
        (Told("25006"), DatabaseError, False),
        (Told("25P03"), DatabaseError, False),
        (psycopg.OperationalError("the connection is lost"), DatabaseError, False),
        (psycopg.errors.ConnectionTimeout("too late"), DatabaseError, False),
        (psycopg.DataError("NUL"), None, False),
        (psycopg.ProgrammingError("nonsense"), None, False),
        (numbered(sqlite3.SQLITE_BUSY), BusyError, False),
        (numbered(sqlite3.SQLITE_BUSY_SNAPSHOT), BusyError, False),
        (numbered(sqlite3.SQLITE_IOERR_FSYNC), DatabaseError, False),
        (numbered(sqlite3.SQLITE_FULL), DatabaseError, False),
        (numbered(sqlite3.SQLITE_CORRUPT), DatabaseError, False),
        (numbered(sqlite3.SQLITE_CONSTRAINT_TRIGGER), None, False),
        (numbered(sqlite3.SQLITE_AUTH), None, False),
        (numbered(sqlite3.SQLITE_ERROR), None, False),
        (sqlite3.ProgrammingError(CLOSED), DatabaseError, False),
        (sqlite3.ProgrammingError("Incorrect number of bindings supplied."), None, False),
    ],
)
def test_a_failure_is_known(
    error: Exception,
    kind: type[Exception] | None,
    repeats: bool,
    wrap: Callable[[Exception], Exception],
) -> None:
    found = find_failure(wrap(error))
    assert (None if found is None else type(found)) is kind
    assert may_repeat(wrap(error)) is repeats


def test_what_sqlalchemy_itself_tells_is_known() -> None:
    assert isinstance(find_failure(sa.exc.TimeoutError("the pool is empty")), BusyError)
    lost = sa.exc.DBAPIError("SELECT 1", {}, psycopg.InterfaceError(), connection_invalidated=True)
    assert is_down(lost)
    assert find_failure(sa.exc.InvalidRequestError("misuse")) is None


def test_the_portals_own_errors_stay_what_they_are() -> None:
    for error in (BusyError("x"), DatabaseError("x"), UnsafeDatabaseError("x")):
        assert find_failure(error) is error


def test_other_errors_are_nobodys_failure() -> None:
    for error in (ValueError("x"), OSError("x"), KeyboardInterrupt()):
        assert find_failure(error) is None
        assert (state_of(error), code_of(error)) == (None, None)


def test_the_words_are_one_line() -> None:
    found = find_failure(within(Told("08006")))
    assert str(found) == "DBAPIError: (tests.database.test_errors.Told) said the server"


def test_a_file_that_is_not_there_is_told_with_what_makes_it(tmp_path: Path) -> None:
    missing = sqlite.engine(tmp_path / "none.db", writes=False, pool=1)
    with pytest.raises(sa.exc.OperationalError) as failure, missing.connect():
        pass
    assert str(find_failure(failure.value)).endswith("run: flask db upgrade")


def test_a_real_database_tells_its_states(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError) as failed, database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (NULL)")
    assert find_failure(failed.value) is None
    expected = (None, sqlite3.SQLITE_AUTH) if database.dialect == "sqlite" else ("42501", None)
    assert (state_of(failed.value), code_of(failed.value)) == expected
