"""Attempts to sign in: counted by email, by address and by both, and cut off before any hashing."""

from hashlib import sha256
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from portal.identity.errors import TooManyAttemptsError
from portal.identity.tables import login_attempts

ATTEMPTS_MAX: Final = 5  # for one email from one address
EMAIL_MAX: Final = 50  # for one email from wherever
ADDRESS_MAX: Final = 100  # from one address for whomever
WINDOW: Final = 15 * 60_000_000
KNOWN_FOR: Final = 30 * 24 * 60 * 60_000_000


class Counts(NamedTuple):
    """Ids of what an attempt is counted under; `known` is there once it succeeded.

    Where a person came in lately, what others try from elsewhere does not count: an attack on an
    email must not shut its person out.
    """

    pair: bytes
    email: bytes
    address: bytes
    known: bytes


def count_attempt(connection: Connection, email: str, address: str, now: int) -> None:
    """Count one attempt for an email from an address; raises TooManyAttemptsError.

    Counting comes first and in one statement: requests that arrive together cannot all find
    the fourth attempt. The caller's database transaction ends with the error, so that what is cut
    off counts nowhere: one address alone uses up nobody's attempts but its own. address: as far
    as it stands for one customer of a network.
    """
    connection.execute(login_attempts.delete().where(login_attempts.c.first_at <= now - WINDOW))
    counts = _counts(email, address)
    most = {counts.pair: ATTEMPTS_MAX}
    if not _is_known(connection, counts):
        most |= {counts.email: EMAIL_MAX, counts.address: ADDRESS_MAX}
    again = {"attempts": login_attempts.c.attempts + 1}
    counted = connection.execute(
        _insert(connection)
        # In one order, so that two attempts never wait for each other.
        .values([{"id": each, "first_at": now, "attempts": 1} for each in sorted(most)])
        .on_conflict_do_update(index_elements=[login_attempts.c.id], set_=again)
        .returning(login_attempts.c.id, login_attempts.c.first_at, login_attempts.c.attempts)
    ).all()
    begun = [row.first_at for row in counted if row.attempts > most[row.id]]
    if begun:
        raise TooManyAttemptsError(-((now - max(begun) - WINDOW) // 1_000_000))


def forget_attempts(connection: Connection, email: str, address: str, now: int) -> None:
    """After the right password: count anew, know the place, and take this attempt back."""
    counts = _counts(email, address)
    ids = login_attempts.c.id
    ours = ids.in_(sorted(counts))
    # Locked in the order in which they are counted, so that two never wait for each other.
    connection.execute(sa.select(ids).where(ours).order_by(ids).with_for_update()).all()
    if not _is_known(connection, counts):
        both = ids.in_([counts.email, counts.address])
        fewer = {"attempts": login_attempts.c.attempts - 1}
        connection.execute(login_attempts.delete().where(both, login_attempts.c.attempts == 1))
        connection.execute(login_attempts.update().where(both).values(fewer))
    connection.execute(login_attempts.delete().where(ids.in_([counts.pair, counts.known])))
    # Swept with the attempts, hence by the instant at which one would be that old.
    place = {"id": counts.known, "first_at": now + KNOWN_FOR - WINDOW, "attempts": 1}
    connection.execute(_insert(connection).values(place).on_conflict_do_nothing())


def _is_known(connection: Connection, counts: Counts) -> bool:
    known = sa.select(login_attempts.c.id).where(login_attempts.c.id == counts.known)
    return connection.execute(known).first() is not None


def _insert(connection: Connection) -> Any:
    """An insert that may say what happens on conflict, in the words of the database."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(login_attempts)


def _counts(email: str, address: str) -> Counts:
    name = email.strip().lower()
    return Counts(
        _key(name, address), _key("email", name, ""), _key("address", address, ""),
        _key("known", name, address),
    )  # fmt: skip


def _key(*parts: str) -> bytes:
    return sha256("\n".join(parts).encode("utf-8", "surrogateescape")).digest()
