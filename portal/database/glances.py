"""A look at a few rows, for a thread that must not stand still: at once, or not at all.

All of it is one short database transaction on a connection kept for nothing else, in texts
compiled once. It waits for no connection, and on PostgreSQL for no server that is silent; after a
failure nobody looks for a while. It writes nothing.
"""

import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from portal.database.errors import find_failure
from portal.ledger import PIPELINE, Statement

Row = tuple[Any, ...]
Asked = tuple[sa.Select[Any], dict[str, Any]]
REST_SECONDS: Final = 10.0
CLOSING_SECONDS: Final = 1.0


class Glances:
    """Looks at rows of one database, for one thread at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._alone = threading.Lock()
        self._rests_until = 0.0
        self._statement = lru_cache(maxsize=64)(Statement)

    def look(self, *asked: Asked) -> list[list[Row]] | None:
        """The rows of each SELECT, all of one instant; None where they cannot be had at once.

        Where there is no connection, one is made meanwhile.
        """
        if time.monotonic() < self._rests_until or not self._alone.acquire(blocking=False):
            return None
        if self._connection is None:
            threading.Thread(target=self._connect, name="glances", daemon=True).start()
            return None
        try:
            return self._rows(self._connection, asked)
        except Exception as error:
            self._rest_after(error)
            return None
        finally:
            self._alone.release()

    def connect(self) -> None:
        """Wait until there is a connection, or none can be made."""
        self._alone.acquire()
        if self._connection is None:
            self._connect()
        else:
            self._alone.release()

    def close(self) -> None:
        """Give the connection up; another is made when somebody looks."""
        if self._alone.acquire(timeout=CLOSING_SECONDS):  # else one is still being made
            self._close()
            self._engine.dispose()
            self._alone.release()

    def _connect(self) -> None:
        """Make the connection, alone, and let others look."""
        try:
            self._connection = self._engine.connect()
        except Exception as error:
            self._rest_after(error)
        finally:
            self._alone.release()

    def _rows(self, connection: sa.Connection, asked: Sequence[Asked]) -> list[list[Row]]:
        texts = []
        for select, values in asked:
            text, places = self._statement(select).compiled(connection.dialect)
            texts.append((text, [values[name] for name in places]))
        if (pipeline := connection.info.get(PIPELINE)) is not None:
            found: list[list[Row]] = pipeline.at_once(texts)
            return found
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")
        rows = [driver.execute(text, values).fetchall() for text, values in texts]
        driver.execute("COMMIT")
        return rows

    def _rest_after(self, error: Exception) -> None:
        """Look no more for a while; raises what is not the database's failure."""
        self._close()
        self._rests_until = time.monotonic() + REST_SECONDS
        if find_failure(error) is None:
            raise error

    def _close(self) -> None:
        """The connection may be in the midst of anything: it is thrown away."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
