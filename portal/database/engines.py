"""One database: reading(), writing(), and run(), which tries again what may be tried again."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from portal.config import Config
from portal.database import postgresql, sqlite
from portal.database.errors import BusyError, DatabaseError

Answer = TypeVar("Answer")
TRIES: Final = 3
UNIQUE: Final = "23505"


class Database:
    """The portal's database, by the configuration's URL; connections are made as needed."""

    def __init__(self, config: Config) -> None:
        path = config.sqlite_file
        self.dialect = "sqlite" if path else "postgresql"
        if path is not None:
            self._turnstile: sqlite.Turnstile | None = sqlite.Turnstile(path)
            self._writer = sqlite.engine(path, writes=True, pool=config.database_pool)
            self._reader = sqlite.engine(path, writes=False, pool=config.database_pool)
        else:
            self._turnstile = None
            self._writer = postgresql.engine(config.database_url, pool=config.database_pool)
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._path = path

    def check(self) -> str:
        """Refuse a database that could lose acknowledged credits; else says which it is."""
        if self._path is not None:
            return sqlite.check(self._path)
        with self.reading() as connection:
            return postgresql.check(connection)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot for all reads of the block; never waits for a writer."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One database transaction: leaving the block commits, raising rolls back."""
        if self._turnstile is None:
            with self._writer.begin() as connection:
                yield connection
            return
        with self._turnstile.turn(), self._writer.connect() as connection:
            with connection.begin():
                yield connection
            self._turnstile.checkpoint(connection.connection.driver_connection)

    def run(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """Do `work` in one database transaction, up to three times where a conflict undid it.

        Raises BusyError after waiting too long, DatabaseError where the database failed.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with self.writing() as connection:
                    return work(connection)
            except Exception as error:
                if not is_database_error(error):
                    raise
                if attempt == TRIES or not may_repeat(error):
                    raise named(error) from error
                time.sleep(random.uniform(0.005, 0.05) * attempt)  # noqa: S311 - jitter
        raise AssertionError("unreachable")  # pragma: no cover

    def dispose(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()


def is_database_error(error: Exception) -> bool:
    """Whether an error came from the database rather than from the work done in it."""
    return isinstance(error, sqlite3.Error | sa.exc.SQLAlchemyError) or from_psycopg(error)


def from_psycopg(error: Exception) -> bool:
    """Whether an error is psycopg's, without importing an optional driver."""
    return any(kind.__module__.startswith("psycopg") for kind in type(error).__mro__)


def may_repeat(error: Exception) -> bool:
    """Whether the same work may succeed now: it lost a race, and nothing of it was kept."""
    original: Any = getattr(error, "orig", error)
    if isinstance(original, sqlite3.IntegrityError):
        return True
    state = postgresql.state_of(error)
    return state in postgresql.RETRIED or state == UNIQUE


def named(error: Exception) -> DatabaseError:
    """The portal's own error for a failure of the database."""
    busy = postgresql.state_of(error) == "55P03" or "locked" in str(error)
    kind = BusyError if busy else DatabaseError
    return kind(f"{type(error).__name__}: {error}".splitlines()[0])
