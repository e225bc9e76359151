"""portal/current.py: what an application keeps between requests, and how it posts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.current import TARIFFS_FRESH, Application, unavailable
from portal.database import BusyError, Database, DatabaseError, UnsafeDatabaseError
from tests.databases import Databases

NOW = 1_790_000_000_000_000
OPERATOR = ledger.Actor("admin", "tests")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["on", "off"])
def state(
    request: pytest.FixtureRequest, databases: Databases, dialect: str, clock: Clock
) -> Iterator[Application]:
    """An application's state on a fresh database with the shipped tariff, either way to commit."""
    with databases.fresh(dialect, PORTAL_GROUP_COMMIT=request.param) as config:
        made = Application(config, Database(config), clock, os.urandom)
        publish(made)
        yield made
        made.database.dispose()


def publish(state: Application) -> None:
    with state.database.writing() as connection:
        shipped = pricing.shipped_tariff()
        ledger.publish_tariff(connection, shipped, now=NOW, published_by="tests")


def opening(name: str = "acme") -> ledger.PutAccount:
    return ledger.PutAccount(account_id=name, actor=OPERATOR, name="Acme Ltd", tier="pro")


def test_a_command_is_posted_and_stays(state: Application) -> None:
    outcome = state.submit(opening())
    assert isinstance(outcome, ledger.Posted)
    with state.database.reading() as connection:
        assert ledger.get_account(connection, "acme").name == "Acme Ltd"


def test_it_posts_at_the_time_of_its_clock(state: Application, clock: Clock) -> None:
    clock.now = NOW + 5
    outcome = state.submit(opening())
    assert isinstance(outcome, ledger.Posted)
    assert outcome.account.created_at == NOW + 5


def test_a_database_that_does_not_write_is_told_in_the_ledgers_words(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.tariffs()
    for failure, told in (
        (BusyError("x"), ledger.InProgressError),
        (DatabaseError("x"), ledger.StorageUnavailableError),
        (UnsafeDatabaseError("x"), ledger.StorageUnavailableError),
    ):

        def fail(_: object, failure: Exception = failure) -> None:
            raise failure

        monkeypatch.setattr(state.database, "run", fail)
        with pytest.raises(told):
            state.submit(opening())
    with pytest.raises(ledger.InProgressError):
        unavailable(BusyError("x"))


def test_an_error_of_the_ledger_passes_through(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ledger.LawBrokenError(1, "acme", 7)

    monkeypatch.setattr(state.database, "run", fail)
    with pytest.raises(ledger.LawBrokenError):
        state.submit(opening())


def test_tariffs_are_read_once_a_second(
    state: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    load = ledger.load_tariffs

    def counted(connection: Connection) -> pricing.Tariffs:
        reads.append(1)
        return load(connection)

    monkeypatch.setattr(ledger, "load_tariffs", counted)
    for moved, expected in ((0, 1), (TARIFFS_FRESH - 1, 1), (1, 2), (0, 2), (-TARIFFS_FRESH, 3)):
        clock.now += moved
        assert state.tariffs()
        assert len(reads) == expected


def test_a_portal_without_tariffs_asks_again_each_time(
    databases: Databases, dialect: str, clock: Clock
) -> None:
    with databases.fresh(dialect) as config:
        state = Application(config, Database(config), clock, os.urandom)
        assert not state.tariffs()
        publish(state)
        assert state.tariffs()
        state.database.dispose()


def test_views_reach_the_application_that_answers(state: Application, clock: Clock) -> None:
    app = Flask("portal")
    app.extensions["portal"] = state
    with app.app_context():
        assert current.config is state.config
        assert current.database is state.database
        assert current.ids is state.ids
        assert current.now() == clock.now
        assert current.tariffs() == state.tariffs()
        assert isinstance(current.submit(opening()), ledger.Posted)
        with pytest.raises(AttributeError):
            current.no_such_thing  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(RuntimeError):
        current.now()
