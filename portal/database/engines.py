"""One database: reading(), writing(), and run(), which tries again what may be tried again."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import sqlalchemy as sa

from portal.config import Config
from portal.database import postgresql, sqlite
from portal.database.errors import find_failure, is_down, may_repeat
from portal.database.glances import Glances
from portal.database.turnstile import Turnstile

Answer = TypeVar("Answer")
TRIES: Final = 3
SNAPSHOT: Final = "now"  # SQLite's have no names: all that begin between two commits are one
LOOK: Final = "SELECT count(*) FROM sqlite_schema"  # BEGIN alone takes no snapshot yet


class Database:
    """The portal's database, by the configuration's URL; connections are made as needed."""

    def __init__(self, config: Config) -> None:
        path = config.sqlite_file
        self.dialect = "sqlite" if path else "postgresql"
        if path is not None:
            self._turnstile: Turnstile | None = Turnstile(path)
            self._writer = sqlite.engine(path, writes=True, pool=config.database_pool)
            self._reader = sqlite.engine(path, writes=False, pool=config.database_pool)
            self.glances = Glances(sqlite.engine(path, writes=False, pool=1, glances=True))
        else:
            self._turnstile = None
            self._writer = postgresql.engine(config.database_url, pool=config.database_pool)
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self.glances = Glances(postgresql.engine(config.database_url, pool=1, glances=True))
        self._path = path
        self._url = config.database_url

    def check(self) -> str:
        """Refuse a database that could lose acknowledged credits; else says which it is.

        Raises UnsafeDatabaseError, or DatabaseError for one that cannot be reached.
        """
        if self._path is None:
            with failures(), postgresql.bare_engine(self._url).connect() as connection:
                return postgresql.check(connection)
        told = sqlite.check(self._path)
        with self.reading():
            return told  # each connection proves its own settings as it is made

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot for all reads of the block; never waits for a writer.

        Raises DatabaseError where the database does not answer.
        """
        with failures(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def sharing(self, join: Callable[[str], object]) -> Iterator[sa.Connection]:
        """As `reading`, a snapshot that other processes see as well.

        `join` is given its name, and returns once each of them has begun `joining` it. On SQLite
        nobody commits until then, so it may not take long. Raises BusyError where the writers'
        turn does not come in time.
        """
        with failures(), self._reader.begin() as connection:
            if self._turnstile is None:
                join(postgresql.export_snapshot(connection))
            else:
                with self._turnstile.turn():
                    connection.exec_driver_sql(LOOK)
                    join(SNAPSHOT)
            yield connection

    @contextmanager
    def joining(self, snapshot: str) -> Iterator[sa.Connection]:
        """The snapshot that another process is `sharing`, taken before the block begins."""
        with failures(), self._reader.begin() as connection:
            if self._turnstile is None:
                postgresql.import_snapshot(connection, snapshot)
            else:
                connection.exec_driver_sql(LOOK)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One database transaction: leaving the block commits, raising rolls back.

        Raises BusyError after waiting too long, DatabaseError where the database cannot write:
        if that was at the end of the block, it may have committed all the same.
        """
        with failures(), self._turn() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[sa.Connection]:
        if self._turnstile is None:
            with self._writer.begin() as connection:
                yield connection
            return
        with self._turnstile.turn(), self._writer.connect() as connection:
            with sqlite.transaction(connection):
                yield connection
            self._turnstile.checkpoint(connection.connection.driver_connection)

    def run(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """Do `work` in one database transaction, up to three times where all of it was undone.

        That is after a lost race, and after a connection that broke before COMMIT was asked (as
        every connection of a pool does when a server starts anew). Raises as `writing` does.
        """
        for attempt in range(1, TRIES + 1):
            begun = done = False
            try:
                with self._turn() as connection:
                    begun = True
                    answer = work(connection)
                    done = True
                return answer
            except Exception as error:
                undone = may_repeat(error) or (begun and not done and is_down(error))
                if attempt == TRIES or not undone:
                    failure = find_failure(error)
                    if failure is None:
                        raise
                    raise failure from error
                time.sleep(random.uniform(0.005, 0.05) * attempt)  # noqa: S311 - jitter
        raise AssertionError("unreachable")  # pragma: no cover

    def dispose(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()
        self.glances.close()


@contextmanager
def failures() -> Iterator[None]:
    """Tell of a database that is busy or away in the portal's own errors; the rest passes."""
    try:
        yield
    except Exception as error:
        failure = find_failure(error)
        if failure is None or failure is error:
            raise
        raise failure from error
