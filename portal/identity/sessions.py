"""Sessions: rows that say who sits behind a cookie, until they sign out or time runs out."""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.identity.people import COLUMNS, Person
from portal.identity.tables import people, sessions

MINUTE: Final = 60_000_000
# How stale `seen_at` may be before a request renews it: a page view is seldom a write.
SEEN_EVERY: Final = MINUTE


class Lifetime(NamedTuple):
    """How long a session lives: without a sign of life, and at most (microseconds)."""

    idle: int = 30 * MINUTE
    age: int = 12 * 60 * MINUTE


class Session(NamedTuple):
    """A live session and the person behind it, both as the database has them now."""

    id: bytes
    created_at: int
    seen_at: int
    person: Person


# Which sessions have run out: idle for too long, or simply too old.
OVER: Final = sa.or_(
    sessions.c.seen_at <= sa.bindparam("seen_by"), sessions.c.created_at <= sa.bindparam("begun_by")
)
# Built once: to build it anew for each page took as long as to ask it.
LIVE: Final = (
    sa.select(sessions.c.id, sessions.c.created_at, sessions.c.seen_at, *COLUMNS)
    .join(people, people.c.id == sessions.c.person_id)
    .where(sessions.c.id == sa.bindparam("digest"), sa.not_(OVER), people.c.disabled_at.is_(None))
)


def new_token() -> str:
    """A new cookie value: 256 random bits."""
    return secrets.token_urlsafe(32)


USUAL: Final = Lifetime()


def begin_session(
    connection: Connection, person: Person, now: int, lifetime: Lifetime = USUAL
) -> str:
    """Start a session and give the cookie's value; the database keeps only its digest.

    Sessions that have run out are swept up in passing.
    """
    token = new_token()
    connection.execute(sessions.delete().where(OVER), ends(now, lifetime))
    connection.execute(
        sessions.insert().values(id=digest(token), person_id=person.id, created_at=now, seen_at=now)
    )
    return token


def find_session(
    connection: Connection, token: str, now: int, lifetime: Lifetime = USUAL
) -> Session | None:
    """The live session behind a cookie's value: not idle, not too old, person not disabled."""
    row = connection.execute(LIVE, live_at(token, now, lifetime)).first()
    return None if row is None else session_of(row)


def live_at(token: str, now: int, lifetime: Lifetime) -> dict[str, Any]:
    """What LIVE is asked with, for the session behind a cookie's value at `now`."""
    return {"digest": digest(token), **ends(now, lifetime)}


def session_of(row: Sequence[Any]) -> Session:
    """What a row of LIVE says."""
    return Session(row[0], row[1], row[2], Person._make(row[3:]))


def renew_session(connection: Connection, session: Session, now: int) -> None:
    """Note that the person is still there."""
    connection.execute(sessions.update().where(sessions.c.id == session.id).values(seen_at=now))


def end_session(connection: Connection, token: str) -> None:
    """End the session behind a cookie's value, if there is one: its row is gone for good."""
    connection.execute(sessions.delete().where(sessions.c.id == digest(token)))


def digest(token: str) -> bytes:
    """What the database knows of a cookie's value."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def ends(now: int, lifetime: Lifetime) -> dict[str, int]:
    """Last seen and begun by when, a session has run out at `now`: what OVER asks for."""
    return {"seen_by": now - lifetime.idle, "begun_by": now - lifetime.age}
