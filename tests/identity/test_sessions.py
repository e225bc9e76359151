"""Sessions: rows that begin, are found, run out and end; the cookie itself is never stored."""

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal import identity
from portal.identity.sessions import digest
from tests.identity.conftest import NOW, PASSWORD

MINUTE = 60_000_000
SESSIONS = identity.metadata.tables["sessions"]
PEOPLE = identity.metadata.tables["people"]


@pytest.fixture
def person(connection: Connection) -> identity.Person:
    return identity.add_person(connection, "ada@acme.example", PASSWORD, account_id="acme", now=NOW)


def test_a_session_is_found_by_its_token_alone(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    found = identity.find_session(connection, token, NOW + 1)
    assert found is not None
    assert (found.person, found.created_at, found.seen_at) == (person, NOW, NOW)
    for other in ("", "x", token[:-1], token + "a", identity.new_token(), "\udc80"):
        assert identity.find_session(connection, other, NOW + 1) is None


def test_who_reads_the_table_cannot_take_a_session_over(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    stored = connection.execute(sa.select(SESSIONS)).one()
    assert token not in repr(stored)
    assert identity.find_session(connection, stored.id.hex(), NOW) is None


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {identity.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)


def test_a_session_runs_out_half_an_hour_after_the_last_sign_of_life(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    found = identity.find_session(connection, token, NOW + 30 * MINUTE - 1)
    assert found is not None
    assert identity.find_session(connection, token, NOW + 30 * MINUTE) is None
    identity.renew_session(connection, found, NOW + 30 * MINUTE - 1)
    assert identity.find_session(connection, token, NOW + 60 * MINUTE - 2) is not None
    assert identity.find_session(connection, token, NOW + 60 * MINUTE - 1) is None


def test_no_sign_of_life_carries_a_session_past_twelve_hours(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    last = NOW + 12 * 60 * MINUTE - 1
    session = identity.Session(digest(token), NOW, NOW, person)
    identity.renew_session(connection, session, last)
    assert identity.find_session(connection, token, last) is not None
    assert identity.find_session(connection, token, last + 1) is None


def test_the_operator_decides_how_long_sessions_live(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    short = identity.Lifetime(idle=5, age=9)
    assert identity.find_session(connection, token, NOW + 4, short) is not None
    assert identity.find_session(connection, token, NOW + 5, short) is None


def test_ending_a_session_deletes_its_row_and_no_other(
    connection: Connection, person: identity.Person
) -> None:
    ended, kept = (identity.begin_session(connection, person, NOW) for _ in range(2))
    identity.end_session(connection, ended)
    identity.end_session(connection, "never was one")
    assert identity.find_session(connection, ended, NOW) is None
    assert identity.find_session(connection, kept, NOW) is not None


def test_sessions_that_ran_out_are_swept_when_another_begins(
    connection: Connection, person: identity.Person
) -> None:
    identity.begin_session(connection, person, NOW)
    identity.begin_session(connection, person, NOW + 31 * MINUTE)
    assert connection.scalar(sa.select(sa.func.count()).select_from(SESSIONS)) == 1


def test_role_and_account_are_those_of_the_database_at_that_moment(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    connection.execute(PEOPLE.update().values(role="admin"))
    found = identity.find_session(connection, token, NOW)
    assert found is not None
    assert found.person.is_admin


def test_a_disabled_person_has_no_session_even_if_a_row_is_left(
    connection: Connection, person: identity.Person
) -> None:
    token = identity.begin_session(connection, person, NOW)
    connection.execute(PEOPLE.update().values(disabled_at=NOW))
    assert identity.find_session(connection, token, NOW) is None
