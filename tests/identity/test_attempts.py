"""Attempts to sign in: five in a quarter of an hour, counted before any hashing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal import identity
from portal.database import Database
from tests.identity.conftest import NOW

QUARTER = 15 * 60_000_000
DAY = 96 * QUARTER
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
    identity.forget_attempts(connection, "ada@acme.example", "10.0.0.1", NOW)
    spend(connection, "ada@acme.example", "10.0.0.1", 5)
    with pytest.raises(identity.TooManyAttemptsError):
        identity.count_attempt(connection, "ada@acme.example", "10.0.0.2", NOW)


def cut_off(connection: Connection, email: str, address: str, now: int = NOW) -> int:
    """Seconds until an attempt may be made, which must be refused now."""
    with pytest.raises(identity.TooManyAttemptsError) as refused, connection.begin_nested():
        identity.count_attempt(connection, email, address, now)
    return refused.value.retry_after


def test_one_address_tries_a_hundred_times_whoever_it_asks_for(connection: Connection) -> None:
    for number in range(100):
        identity.count_attempt(connection, f"p{number}@acme.example", "10.0.0.1", NOW)
    assert cut_off(connection, "ada@acme.example", "10.0.0.1") == 900
    identity.count_attempt(connection, "ada@acme.example", "10.0.0.2", NOW)
    identity.count_attempt(connection, "ada@acme.example", "10.0.0.1", NOW + QUARTER)


def test_one_email_is_tried_fifty_times_from_wherever(connection: Connection) -> None:
    for number in range(50):
        identity.count_attempt(connection, "ada@acme.example", f"10.0.0.{number}", NOW)
    assert cut_off(connection, "ada@acme.example", "10.0.1.1") == 900
    identity.count_attempt(connection, "bob@acme.example", "10.0.1.1", NOW)


def test_an_attack_on_an_email_ends_with_its_quarter_of_an_hour(connection: Connection) -> None:
    for number in range(50):
        identity.count_attempt(connection, "ada@acme.example", f"10.0.0.{number}", NOW)
    for number in range(30):  # attempts that are cut off do not count
        at = NOW + number * 30_000_000
        assert cut_off(connection, "ada@acme.example", f"10.0.2.{number}", at) <= 900
    identity.count_attempt(connection, "ada@acme.example", "10.0.1.1", NOW + QUARTER)


def test_where_a_person_came_in_an_attack_from_elsewhere_shuts_nobody_out(
    connection: Connection,
) -> None:
    identity.count_attempt(connection, "ada@acme.example", "10.0.9.9", NOW)
    identity.forget_attempts(connection, "ada@acme.example", "10.0.9.9", NOW)
    for now in (NOW, NOW + QUARTER, NOW + 2 * QUARTER):
        for number in range(50):
            identity.count_attempt(connection, "ada@acme.example", f"10.0.0.{number}", now)
        assert cut_off(connection, "ada@acme.example", "10.0.1.1", now) == 900
        identity.count_attempt(connection, " ADA@acme.example", "10.0.9.9", now)
    # There, too, five wrong passwords are enough.
    for _ in range(4):
        identity.count_attempt(connection, "ada@acme.example", "10.0.9.9", NOW + 2 * QUARTER)
    assert cut_off(connection, "ada@acme.example", "10.0.9.9", NOW + 2 * QUARTER) == 900


def test_a_place_is_known_for_thirty_days_after_the_last_time(connection: Connection) -> None:
    for now in (NOW, NOW + 29 * DAY):
        identity.count_attempt(connection, "ada@acme.example", "10.0.9.9", now)
        identity.forget_attempts(connection, "ada@acme.example", "10.0.9.9", now)
    until = NOW + 59 * DAY
    for number in range(50):
        identity.count_attempt(connection, "ada@acme.example", f"10.0.0.{number}", until - 1)
    identity.count_attempt(connection, "ada@acme.example", "10.0.9.9", until - 1)
    cut_off(connection, "ada@acme.example", "10.0.9.9", until)


def test_those_who_come_in_count_for_nobody(connection: Connection) -> None:
    for number in range(300):
        email = f"p{number % 20}@acme.example"
        identity.count_attempt(connection, email, "10.0.0.1", NOW)
        identity.forget_attempts(connection, email, "10.0.0.1", NOW)
    for number in range(100):
        identity.count_attempt(connection, f"q{number}@acme.example", "10.0.0.1", NOW)
    cut_off(connection, "ada@acme.example", "10.0.0.1")


def test_who_may_come_in_cannot_buy_attempts_for_others_by_it(connection: Connection) -> None:
    identity.count_attempt(connection, "eve@acme.example", "10.0.0.1", NOW)
    identity.forget_attempts(connection, "eve@acme.example", "10.0.0.1", NOW)
    for number in range(100):
        identity.count_attempt(connection, "eve@acme.example", "10.0.0.1", NOW)
        identity.forget_attempts(connection, "eve@acme.example", "10.0.0.1", NOW)
        identity.count_attempt(connection, f"p{number}@acme.example", "10.0.0.1", NOW)
    cut_off(connection, "ada@acme.example", "10.0.0.1")


def test_neither_email_nor_address_is_kept_in_clear(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 1)
    identity.forget_attempts(connection, "ada@acme.example", "10.0.0.1", NOW)
    spend(connection, "ada@acme.example", "10.0.0.1", 1)
    assert "ada" not in repr(connection.execute(sa.select(TABLE)).all())


def test_old_counts_are_swept(connection: Connection) -> None:
    spend(connection, "ada@acme.example", "10.0.0.1", 1)
    spend(connection, "eve@acme.example", "10.0.0.2", 1)
    identity.count_attempt(connection, "bob@acme.example", "10.0.0.1", NOW + QUARTER)
    # Of Bob: his attempts here, all attempts from here, all attempts for him.
    assert connection.scalar(sa.select(sa.func.count()).select_from(TABLE)) == 3


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


def test_people_who_come_in_together_from_one_place_do_not_stumble(database: Database) -> None:
    def enter(number: int) -> None:
        email = f"p{number % 2}@acme.example"
        with database.writing() as connection:
            identity.count_attempt(connection, email, f"10.0.0.{number % 3}", NOW)
        with database.writing() as connection:
            identity.forget_attempts(connection, email, f"10.0.0.{number % 3}", NOW)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(enter, range(48)))
    with database.reading() as connection:
        known = sa.select(sa.func.count()).where(TABLE.c.first_at > NOW)
        assert connection.scalar(known) == 6
