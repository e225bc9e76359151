"""A history is committed chapter by chapter, and what is written says how far it came."""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal import ledger
from portal.cli.demo import chapters
from portal.cli.demo.cast import MIRA, NORTHWIND
from portal.cli.demo.chapters import Chapters, leaves_a_trace, rehearsing, written_until
from portal.cli.demo.history import new_ids
from portal.cli.demo.stage import HOUR, MINUTE
from portal.database import Database
from tests.cli.demo.conftest import NOW, SERVICE, TARIFFS


@pytest.fixture
def database(empty: Flask) -> Database:
    found: Database = empty.extensions["portal"].database
    return found


@pytest.fixture
def told(database: Database) -> Iterator[Chapters]:
    """Chapters of two steps in a database with one account."""
    with Chapters(database, TARIFFS, new_ids(), steps=2) as opened:
        opened.post(NOW - HOUR, put("pro"))
        yield opened


def put(tier: str) -> ledger.PutAccount:
    return SERVICE.account(NORTHWIND.account, "Northwind", tier, NOW - HOUR, "UTC")


def debit(job: str) -> ledger.Debit:
    return SERVICE.debit(NORTHWIND.account, "generate", 10, job)


def known(database: Database) -> int:
    """How many charges others can see."""
    with database.reading() as connection:
        wanted = ledger.Filter(kinds=("debit",))
        return len(ledger.page(connection, NORTHWIND.account, wanted).entries)


def test_a_chapter_is_committed_as_the_next_begins(told: Chapters, database: Database) -> None:
    told.post(NOW, debit("one"))
    assert known(database) == 0
    told.post(NOW + 1, debit("two"))
    assert known(database) == 1


def test_steps_of_one_instant_stay_together(told: Chapters, database: Database) -> None:
    for job in ("one", "two", "three"):
        told.post(NOW, debit(job))
    assert known(database) == 0
    told.post(NOW + 1, debit("four"))
    assert known(database) == 3


def test_a_chapter_ends_with_a_step_that_left_a_trace(told: Chapters, database: Database) -> None:
    told.post(NOW, put("pro"))  # the same again: nothing is written
    told.post(NOW + 1, debit("one"))
    assert written_until(told.connection) == NOW + 1
    assert known(database) == 0
    told.post(NOW + 2, debit("two"))
    assert known(database) == 1


def test_an_exception_undoes_the_chapter_it_meets(database: Database) -> None:
    def stumble() -> None:
        with Chapters(database, TARIFFS, new_ids(), steps=2) as opened:
            opened.post(NOW - HOUR, put("pro"))
            opened.post(NOW, debit("one"))
            opened.post(NOW + 1, debit("two"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stumble()
    assert known(database) == 1
    with database.reading() as connection:
        assert written_until(connection) == NOW


def test_refusals_say_how_far_it_came_too(told: Chapters) -> None:
    assert written_until(told.connection) == NOW - HOUR
    order = SERVICE.debit(NORTHWIND.account, "generate", 10_000_000, "huge")
    assert leaves_a_trace(told.post(NOW, order))
    assert written_until(told.connection) == NOW


def test_before_the_first_step_nothing_is_written(database: Database) -> None:
    with database.reading() as connection:
        assert written_until(connection) is None


def test_a_step_about_nobody_leaves_no_trace(told: Chapters) -> None:
    outcome = told.post(NOW, SERVICE.debit(MIRA.account, "generate", 1, "nobody"))
    assert isinstance(outcome, ledger.Refused)
    assert not leaves_a_trace(outcome)


def test_a_rehearsal_gives_the_same_outcomes_and_touches_nothing(
    empty: Flask, told: Chapters
) -> None:
    config = empty.extensions["portal"].config
    real = told.post(NOW, debit("one"))
    with (
        rehearsing(config, TARIFFS, NOW) as apart,
        Chapters(apart, TARIFFS, new_ids()) as rehearsed,
    ):
        rehearsed.post(NOW - HOUR, put("pro"))
        assert rehearsed.post(NOW, debit("one")) == real
        rehearsed.post(NOW + MINUTE, debit("two"))
    assert written_until(told.connection) == NOW


def test_a_chapter_is_long_enough_to_be_quick_and_short_enough_to_stay_so() -> None:
    assert 20 <= chapters.STEPS <= 500
