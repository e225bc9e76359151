"""Attempts to sign in: five in a quarter of an hour, counted before any hashing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal import identity
from portal.database import Database
from tests.identity.conftest import NOW

QUARTER = 15 * 60_000_000
TABLE = identity.metadata.tables["login_attempts"]


def spend(connection: Connection, email: str, address: str, attempts: int) -> None:
    for _ in range(attempts):
        identity.count_attempt(connection, email, address, NOW)


def test_the_sixth_attempt_is_cut_off_and_told_how_long(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    with pytest.raises(identity.TooManyAttemptsError) as refused:
        identity.count_attempt(connection, "Ada@Acme.example ", "10.0.0.1", NOW + 1_000_001)
    assert refused.value.retry_after == 899


def test_the_count_starts_anew_after_a_quarter_of_an_hour(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    with pytest.raises(identity.TooManyAttemptsError):
        identity.count_attempt(connection, "ada@acme.example", "10.0.0.1", NOW + QUARTER - 1)
    identity.count_attempt(connection, "ada@acme.example", "10.0.0.1", NOW + QUARTER)


def test_nobody_can_lock_another_person_out_from_elsewhere(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    identity.count_attempt(connection, "ada@acme.example", "10.0.0.2", NOW)
    identity.count_attempt(connection, "bob@acme.example", "10.0.0.1", NOW)


def test_the_right_password_clears_the_count_of_that_pair_alone(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    spend(connection, "ada@acme.example", "10.0.0.2", 5)
    identity.forget_attempts(connection, "ada@acme.example", "10.0.0.1")
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    with pytest.raises(identity.TooManyAttemptsError):
        identity.count_attempt(connection, "ada@acme.example", "10.0.0.2", NOW)


def test_neither_email_nor_address_is_kept_in_clear(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 1)
    assert "ada" not in repr(connection.execute(sa.select(TABLE)).all())


def test_old_counts_are_swept(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 1)
    identity.count_attempt(connection, "bob@acme.example", "10.0.0.1", NOW + QUARTER)
    assert connection.scalar(sa.select(sa.func.count()).select_from(TABLE)) == 1


def test_attempts_that_arrive_together_do_not_all_pass(database: Database) -> None:
    def attempt(_: int) -> bool:
        try:
            with database.writing() as connection:
                identity.count_attempt(connection, "ada@acme.example", "10.0.0.1", NOW)
        except identity.TooManyAttemptsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(24))) == 5
