"""A look at a few rows, for a thread that must not stand still: at once, or not at all.

All of it is one short database transaction on a connection kept for nothing else, in texts
compiled once. It waits neither for a connection that others have nor, on PostgreSQL, for a server
that is silent; after a failure nobody looks for a while. It writes nothing.
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


class Glances:
    """Looks at rows of one database, for one thread at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._alone = threading.Lock()
        self._rests_until = 0.0
        self._statement = lru_cache(maxsize=64)(Statement)

    def look(self, *asked: Asked) -> list[list[Row]] | None:
        """The rows of each SELECT, all of one instant; None where they cannot be had at once."""
        if time.monotonic() < self._rests_until or not self._alone.acquire(blocking=False):
            return None
        try:
            return self._rows(asked)
        except Exception as error:
            self._close()
            self._rests_until = time.monotonic() + REST_SECONDS
            if find_failure(error) is None:
                raise
            return None
        finally:
            self._alone.release()

    def close(self) -> None:
        """Give the connection up; the next look makes another."""
        with self._alone:
            self._close()
            self._engine.dispose()

    def _rows(self, asked: Sequence[Asked]) -> list[list[Row]]:
        connection = self._connection = self._connection or self._engine.connect()
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

    def _close(self) -> None:
        """The connection may be in the midst of anything: it is thrown away."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
