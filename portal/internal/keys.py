"""Service keys: who may sign, for what, until when. No secret is kept: it is HMAC(master, kid)."""

import logging
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table

from portal import ledger, signing
from portal.internal.times import write_time

SCOPES: Final = ("debit", "hold", "refund", "quote", "grant", "account", "read")
FRESH: Final = 0.5  # seconds after which one thread reads the keys again
STALE: Final = 1.0  # seconds after which nobody may go on with what was read before
log = logging.getLogger(__name__)

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
    Column("public_key", String),
    sa.CheckConstraint("max_units > 0", name="service_keys_max_units_check"),
    sa.CheckConstraint("daily_units > 0", name="service_keys_daily_units_check"),
    sa.CheckConstraint(
        "(algorithm = 'ed25519') = (public_key IS NOT NULL) AND length(public_key) = 44",
        name="service_keys_public_key_check",
    ),
    sqlite_strict=True,
)
service_key_caps: Final = Table(
    "service_key_caps",
    metadata,
    Column("kid", String, sa.ForeignKey("service_keys.kid"), primary_key=True),
    Column("operation", String, primary_key=True),
    Column("max_units", BigInteger),
    Column("daily_units", BigInteger),
    sa.CheckConstraint("max_units > 0", name="service_key_caps_max_units_check"),
    sa.CheckConstraint("daily_units > 0", name="service_key_caps_daily_units_check"),
    sa.CheckConstraint(
        "coalesce(max_units, daily_units) IS NOT NULL", name="service_key_caps_some_check"
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
_ROWS: Final = sa.select(service_keys).order_by(
    service_keys.c.service, service_keys.c.created_at, service_keys.c.kid
)
_CAPS: Final = sa.select(service_key_caps).order_by(
    service_key_caps.c.kid, service_key_caps.c.operation
)


class Cap(NamedTuple):
    """How much of one operation a key may ask for: in one request, and on one UTC day."""

    operation: str
    max_units: int | None
    daily_units: int | None


class ServiceKey(NamedTuple):
    """One key of one service; scopes and operations as words separated by blanks.

    max_units, daily_units: of one request and of one UTC day; None is without end; `caps` say the
    same of single operations. public_key: 32 bytes in base64, None where the service was shown a
    secret. Times: UTC µs.
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
    public_key: str | None = None
    caps: tuple[Cap, ...] = ()

    @property
    def actor(self) -> ledger.Actor:
        """Who asks with it, as entries name it."""
        return ledger.Actor("service", self.service, self.kid)

    def allows(self, scope: str) -> bool:
        """Whether the key was issued for a scope."""
        return scope in self.scopes.split()

    @property
    def is_limited(self) -> bool:
        """Whether the key was issued for less than all that its scopes open."""
        return any((self.operations, self.max_units, self.daily_units, self.caps))

    def prices(self, operation: str) -> bool:
        """Whether the key may ask for an operation."""
        return self.operations is None or operation in self.operations.split()

    def find_cap(self, operation: str | None) -> Cap | None:
        """The key's cap for an operation, or None."""
        if not self.caps:
            return None
        return next((cap for cap in self.caps if cap.operation == operation), None)


def issue_key(
    connection: Connection,
    *,
    service: str,
    scopes: Iterable[str],
    now: int,
    operations: Iterable[str] | None = None,
    max_units: int | None = None,
    daily_units: int | None = None,
    not_before: int | None = None,
    not_after: int | None = None,
    public_key: str | None = None,
    caps: Iterable[Cap] = (),
) -> ServiceKey:
    """Store a new key of a service, good from now on or from later; its kid was never used.

    public_key: what the service signs against, 32 bytes in base64; without it, it gets a secret.
    """
    key = ServiceKey(
        next_kid(service, write_time(now), (known.kid for known in list_keys(connection))),
        service,
        signing.HMAC if public_key is None else signing.ED25519,
        " ".join(scopes),
        None if operations is None else " ".join(operations),
        max_units,
        daily_units,
        now if not_before is None else not_before,
        not_after,
        None,
        now,
        public_key,
        tuple(sorted(caps)),
    )
    terms = key._asdict()
    rows = [{"kid": key.kid, **cap._asdict()} for cap in terms.pop("caps")]
    connection.execute(service_keys.insert(), terms)
    if rows:
        connection.execute(service_key_caps.insert(), rows)
    return key


def succeed_key(
    connection: Connection,
    key: ServiceKey,
    *,
    now: int,
    overlap: int,
    not_after: int | None = None,
    public_key: str | None = None,
) -> ServiceKey:
    """Store a key on the same terms, and let the one before end `overlap` µs from now."""
    successor = issue_key(
        connection,
        service=key.service,
        scopes=key.scopes.split(),
        now=now,
        operations=None if key.operations is None else key.operations.split(),
        max_units=key.max_units,
        daily_units=key.daily_units,
        not_after=not_after,
        public_key=public_key,
        caps=key.caps,
    )
    end_key(connection, key.kid, now + overlap)
    return successor


def list_keys(connection: Connection) -> tuple[ServiceKey, ...]:
    """Every key there ever was, by service and age."""
    caps: dict[str, list[Cap]] = {}
    for kid, *cap in connection.execute(_CAPS):
        caps.setdefault(kid, []).append(Cap(*cap))
    rows = connection.execute(_ROWS)
    return tuple(ServiceKey(*row)._replace(caps=tuple(caps.get(row.kid, ()))) for row in rows)


def find_key(connection: Connection, kid: str) -> ServiceKey | None:
    """The key of that kid, or None."""
    return next((key for key in list_keys(connection) if key.kid == kid), None)


def end_key(connection: Connection, kid: str, at: int) -> bool:
    """Let a key end sooner than was said; whether that is so. A revoked one has ended."""
    until = service_keys.c.not_after
    ended = connection.execute(
        service_keys.update()
        .where(service_keys.c.kid == kid, service_keys.c.revoked_at.is_(None))
        .where(sa.or_(until.is_(None), until > at))
        .values(not_after=at)
    )
    return ended.rowcount == 1


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
        if row.public_key is None:
            material = signing.derive_secret(self._master, row.kid).encode()
        else:
            material = b64decode(row.public_key)
            _tell_missing(row.kid)
        life = (row.not_before, row.not_after, row.revoked_at)
        return row, signing.Key(row.algorithm, material, *life)


def _tell_missing(kid: str) -> None:
    """Say once in each process why a key pair's signatures are refused here."""
    try:
        signing.require_ed25519()
    except signing.Ed25519MissingError as error:
        log.error("The key %s lets nobody in: %s", kid, error)
