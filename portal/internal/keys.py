"""Service keys: who may sign, for what, until when. No secret is kept: it is HMAC(master, kid)."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table

from portal import signing
from portal.internal.times import write_time

SCOPES: Final = ("debit", "hold", "refund", "quote", "grant", "account", "read")
FRESH: Final = 0.5  # seconds after which one thread reads the keys again
STALE: Final = 1.0  # seconds after which nobody may go on with what was read before

metadata: Final = MetaData()
service_keys: Final = Table(
    "service_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("service", String, nullable=False),
    Column("algorithm", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("operations", String),
    Column("max_units", BigInteger),
    Column("daily_units", BigInteger),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger),
    Column("revoked_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    sa.CheckConstraint("max_units > 0", name="service_keys_max_units_check"),
    sa.CheckConstraint("daily_units > 0", name="service_keys_daily_units_check"),
    sqlite_strict=True,
)


class ServiceKey(NamedTuple):
    """One key of one service; scopes and operations as words separated by blanks.

    max_units, daily_units: of one request and of one UTC day; None is without end. Times: UTC µs.
    """

    kid: str
    service: str
    algorithm: str
    scopes: str
    operations: str | None
    max_units: int | None
    daily_units: int | None
    not_before: int
    not_after: int | None
    revoked_at: int | None
    created_at: int

    def allows(self, scope: str) -> bool:
        """Whether the key was issued for a scope."""
        return scope in self.scopes.split()

    @property
    def is_limited(self) -> bool:
        """Whether the key was issued for less than all that its scopes open."""
        return (self.operations, self.max_units, self.daily_units) != (None, None, None)

    def prices(self, operation: str) -> bool:
        """Whether the key may ask for an operation."""
        return self.operations is None or operation in self.operations.split()


def issue_key(
    connection: Connection,
    *,
    service: str,
    scopes: Iterable[str],
    now: int,
    operations: Iterable[str] | None = None,
    max_units: int | None = None,
    daily_units: int | None = None,
    not_after: int | None = None,
) -> ServiceKey:
    """Store a new key of a service, good from now on; its kid was never used before."""
    key = ServiceKey(
        next_kid(service, write_time(now), (known.kid for known in list_keys(connection))),
        service,
        signing.ALGORITHM,
        " ".join(scopes),
        None if operations is None else " ".join(operations),
        max_units,
        daily_units,
        now,
        not_after,
        None,
        now,
    )
    connection.execute(service_keys.insert(), key._asdict())
    return key


def list_keys(connection: Connection) -> tuple[ServiceKey, ...]:
    """Every key there ever was, by service and age."""
    order = (service_keys.c.service, service_keys.c.created_at, service_keys.c.kid)
    rows = connection.execute(sa.select(service_keys).order_by(*order))
    return tuple(ServiceKey(*row) for row in rows)


def revoke_key(connection: Connection, kid: str, at: int) -> bool:
    """End a key for good; whether there was one to end."""
    ended = connection.execute(
        service_keys.update()
        .where(service_keys.c.kid == kid, service_keys.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    return ended.rowcount == 1


def next_kid(service: str, time: str, taken: Iterable[str]) -> str:
    """The first free kid of a service in a month: tts-202611a, tts-202611b, … tts-202611aa."""
    used, number = set(taken), 0
    month = time[:7].replace("-", "")
    while True:
        number += 1
        letters, rest = "", number
        while rest:
            rest, letter = divmod(rest - 1, 26)
            letters = chr(ord("a") + letter) + letters
        kid = f"{service}-{month}{letters}"
        if kid not in used:
            return kid


class KeyRing:
    """All keys, read at most once a second, so that a revoked one is refused within a second.

    All of them at once: asking for a kid that nobody has costs what asking for a good one does.
    """

    def __init__(
        self,
        load: Callable[[], Iterable[ServiceKey]],
        master: bytes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._master, self._monotonic = load, master, monotonic
        self._keys: dict[str, tuple[ServiceKey, signing.Key]] = {}
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def find(self, kid: str) -> tuple[ServiceKey, signing.Key] | None:
        """A key and what its MAC is checked with, or None. Raises what reading the keys raises."""
        age = self._monotonic() - self._read_at
        if age > FRESH and self._reading.acquire(blocking=age > STALE):
            try:
                if self._monotonic() - self._read_at > FRESH:
                    self._read()
            finally:
                self._reading.release()
        return self._keys.get(kid)

    def _read(self) -> None:
        read_at = self._monotonic()
        self._keys = {row.kid: self._known(row) for row in self._load()}
        self._read_at = read_at

    def _known(self, row: ServiceKey) -> tuple[ServiceKey, signing.Key]:
        known = self._keys.get(row.kid)
        if known is not None and known[0] == row:
            return known
        secret = signing.derive_secret(self._master, row.kid).encode()
        life = (row.not_before, row.not_after, row.revoked_at)
        return row, signing.Key(row.algorithm, secret, *life)
