"""When each key was last used: noted in memory, written now and then, never by a request."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, String, Table

from portal.internal.keys import metadata

EVERY: Final = 60.0  # seconds by which what is stored may be old: between two writes of one key
NEVER: Final = float("-inf")

service_key_uses: Final = Table(
    "service_key_uses",
    metadata,
    Column("kid", String, sa.ForeignKey("service_keys.kid"), primary_key=True),
    Column("used_at", BigInteger, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
_WRITE: Final = sa.text(
    "INSERT INTO service_key_uses (kid, used_at) VALUES (:kid, :used_at)"
    " ON CONFLICT (kid) DO UPDATE SET used_at = excluded.used_at"
    " WHERE service_key_uses.used_at < excluded.used_at"
)
log = logging.getLogger(__name__)


class Uses:
    """What keys one process has seen used. If it is killed, a minute of that is forgotten."""

    def __init__(
        self,
        run: Callable[[Callable[[Connection], None]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._monotonic = run, monotonic
        self.used: dict[str, int] = {}
        self._written: dict[str, float] = {}
        self._writing = threading.Lock()

    def note(self, kid: str, at: int) -> threading.Thread | None:
        """Note a use at `at` (UTC µs). Gives the thread that writes, if it is time for that.

        The first use that this process sees of a key is written at once.
        """
        self.used[kid] = at
        now = self._monotonic()
        if now - self._written.get(kid, NEVER) < EVERY or not self._writing.acquire(False):
            return None
        self._written = dict.fromkeys(self.used, now)  # all of them are written
        writer = threading.Thread(target=self._write, name="key-uses", daemon=True)
        writer.start()
        return writer

    def _write(self) -> None:
        """Write what was noted; nobody waits for it, and what fails is written by the next."""
        used = dict(self.used)
        try:
            self._run(lambda connection: write_uses(connection, used))
        except Exception:
            log.warning("the last use of %d keys could not be written", len(used), exc_info=True)
        finally:
            self._writing.release()


def write_uses(connection: Connection, used: dict[str, int]) -> None:
    """Store the last use (UTC µs) of each kid, unless a later one is known."""
    connection.execute(_WRITE, [{"kid": kid, "used_at": used[kid]} for kid in sorted(used)])


def last_uses(connection: Connection) -> dict[str, int]:
    """The last use of every key that was ever used, in UTC µs, to the minute."""
    return {row.kid: row.used_at for row in connection.execute(sa.select(service_key_uses))}
