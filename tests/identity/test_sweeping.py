"""portal/identity/sweeping.py: what is past use goes, what is not stays."""

from __future__ import annotations

import sqlalchemy as sa

from portal import identity
from portal.database import Database
from portal.identity.attempts import WINDOW
from portal.identity.tables import login_attempts, sessions

NOW = 1_795_355_520_000_000
MINUTE = 60_000_000
LIFETIME = identity.Lifetime(idle=30 * MINUTE, age=60 * MINUTE)


def count(database: Database, table: sa.Table) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def swept(database: Database, now: int) -> int:
    with database.writing() as connection:
        return identity.sweep(connection, now, LIFETIME)


def test_it_forgets_sessions_that_ran_out_and_attempts_that_count_no_more(
    database: Database,
) -> None:
    with database.writing() as connection:
        person = identity.add_person(
            connection, "ada@example.com", "correct-horse-battery-9", account_id=None,
            role="admin", now=NOW,
        )  # fmt: skip
        token = identity.begin_session(connection, person, NOW, LIFETIME)
        identity.begin_session(connection, person, NOW - 20 * MINUTE, LIFETIME)
        identity.count_attempt(connection, "ada@example.com", "10.0.0.7", NOW)
    attempts = count(database, login_attempts)
    assert attempts >= 1
    assert swept(database, NOW) == 0
    assert swept(database, NOW + 10 * MINUTE) == 1, "idle for half an hour"
    assert swept(database, NOW + 10 * MINUTE) == 0
    with database.reading() as connection:
        assert identity.find_session(connection, token, NOW + 10 * MINUTE, LIFETIME) is not None
    assert swept(database, NOW + WINDOW - 1) == 0
    assert swept(database, NOW + WINDOW) == attempts
    assert swept(database, NOW + 30 * MINUTE) == 1
    assert (count(database, sessions), count(database, login_attempts)) == (0, 0)
