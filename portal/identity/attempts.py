"""Attempts to sign in: counted per account and address, and cut off before any hashing."""

from hashlib import sha256
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from portal.identity.errors import TooManyAttemptsError
from portal.identity.tables import login_attempts

ATTEMPTS_MAX: Final = 5
WINDOW: Final = 15 * 60_000_000


def count_attempt(connection: Connection, email: str, address: str, now: int) -> None:
    """Count one attempt for an email from an address; raises TooManyAttemptsError.

    Counting comes first and in one statement: requests that arrive together cannot all find
    the fourth attempt. The pair is the key, so nobody can lock another person out from afar.
    """
    connection.execute(login_attempts.delete().where(login_attempts.c.first_at <= now - WINDOW))
    first = {"id": _key(email, address), "first_at": now, "attempts": 1}
    again = {"attempts": login_attempts.c.attempts + 1}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    counted = connection.execute(
        insert(login_attempts)
        .values(first)
        .on_conflict_do_update(index_elements=[login_attempts.c.id], set_=again)
        .returning(login_attempts.c.first_at, login_attempts.c.attempts)
    ).one()
    if counted.attempts > ATTEMPTS_MAX:
        raise TooManyAttemptsError(-((now - counted.first_at - WINDOW) // 1_000_000))


def forget_attempts(connection: Connection, email: str, address: str) -> None:
    """Start counting anew, after the right password."""
    connection.execute(login_attempts.delete().where(login_attempts.c.id == _key(email, address)))


def _key(email: str, address: str) -> bytes:
    pair = f"{email.strip().lower()}\n{address}"
    return sha256(pair.encode("utf-8", "surrogateescape")).digest()
