"""portal/current.py: what an application keeps between requests, and how it posts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.current import TARIFFS_FRESH, Application, unavailable
from portal.database import (
    BusyError,
    Database,
    DatabaseError,
    LockedError,
    UnsafeDatabaseError,
)
from portal.limits import RateLimitedError, find_limits
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


# Many at once ------------------------------------------------------------------------------------


def debit(quantity: int, account: str = "acme", job: str = "") -> ledger.Debit:
    return ledger.Debit(
        actor=ledger.Actor("service", "tts", "tts-1"),
        account_id=account,
        operation="generate",
        quantity=quantity,
        reference=ledger.Reference("task", job or f"job-{quantity}"),
    )


def test_commands_are_one_group_and_each_has_its_outcome(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.submit(opening())
    groups: list[int] = []
    post = state.batches.post

    def counted(commands: list[ledger.Command], **how: bool) -> list[ledger.Outcome]:
        groups.append(len(commands))
        return post(commands, **how)

    monkeypatch.setattr(state.batches, "post", counted)
    answers = state.submit_all([debit(1), debit(2, "nobody"), debit(3)])
    assert [isinstance(each, ledger.Posted) for each in answers] == [True, False, True]
    assert isinstance(answers[1], ledger.Refused)
    with pytest.raises(ledger.UndoneError) as undone:
        state.submit_all([debit(4), debit(5, "nobody")], atomic=True)
    assert undone.value.place == 1
    assert len(state.submit_all([debit(4), debit(6)], atomic=True)) == 2
    assert state.submit_all([]) == []
    assert groups == [3, 2, 2]
    with state.database.reading() as connection:
        assert ledger.balance_now(connection, "acme").available == 100_000 - 1 - 3 - 4 - 6


@pytest.mark.parametrize("together", [True, False])
def test_a_batch_joins_the_queue_of_all_where_groups_are_committed_together(
    state: Application, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    state.submit(opening())
    state.config = replace(state.config, group_commit=together)
    joined: list[int] = []
    join = state.batches.submit_all

    def noted(tickets: Sequence[ledger.Ticket]) -> None:
        joined.append(len(tickets))
        join(tickets)

    monkeypatch.setattr(state.batches, "submit_all", noted)
    answers = state.submit_all([debit(1), debit(2)])
    assert all(isinstance(each, ledger.Posted) for each in answers)
    assert joined == [2] * together


def test_what_breaks_on_one_command_is_its_error_alone(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.submit(opening())
    post = state.batches.post

    def breaks(commands: list[ledger.Command]) -> list[ledger.Outcome]:
        if any(isinstance(each, ledger.Debit) and each.quantity == 13 for each in commands):
            raise ledger.LawBrokenError(1, "acme", 7)
        return post(commands)

    monkeypatch.setattr(state.batches, "post", breaks)
    first, broken, last = state.submit_all([debit(1), debit(13), debit(2)])
    assert isinstance(first, ledger.Posted)
    assert isinstance(broken, ledger.LawBrokenError)
    assert isinstance(last, ledger.Posted)


def test_a_database_that_does_not_write_is_told_once_for_all(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(commands: list[ledger.Command], **_: bool) -> list[ledger.Outcome]:
        raise ledger.StorageUnavailableError

    monkeypatch.setattr(state.batches, "post", away)
    for atomic in (False, True):
        with pytest.raises(ledger.StorageUnavailableError):
            state.submit_all([debit(1), debit(2)], atomic=atomic)


def test_one_command_that_is_kept_is_told_so_beside_others_that_were_done(
    state: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.submit(opening())
    post = state.batches.post

    def kept(commands: list[ledger.Command]) -> list[ledger.Outcome]:
        if ledger.account_of(commands[0]) == "kept":
            raise ledger.InProgressError if len(commands) == 1 else LockedError("kept")
        return post(commands)

    monkeypatch.setattr(state.batches, "post", kept)
    first, second = state.submit_all([debit(1, "kept"), debit(2)])
    assert isinstance(first, ledger.InProgressError)
    assert isinstance(second, ledger.Posted)


def test_each_command_of_a_service_counts_against_its_account(
    state: Application, tmp_path: Path
) -> None:
    state.submit(opening())
    state.limits = find_limits(tmp_path, b"secret", {"account": (2, 60)})
    answers = state.submit_all([debit(1), debit(2), debit(3), debit(4, "other")])
    assert [type(each) for each in answers] == [
        ledger.Posted, ledger.Posted, RateLimitedError, ledger.Refused,
    ]  # fmt: skip
    with pytest.raises(ledger.UndoneError) as undone:
        state.submit_all([debit(5, "other"), debit(6)], atomic=True)
    assert (undone.value.place, type(undone.value.error)) == (1, RateLimitedError)
    assert [type(each) for each in state.submit_all([debit(7)])] == [RateLimitedError]
    with state.database.reading() as connection:
        assert ledger.balance_now(connection, "acme").available == 100_000 - 1 - 2


def test_only_names_of_ours_are_trusted() -> None:
    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = ["credits.example"]
    hosts = ("credits.example", "credits.example:8000", "evil.example", "a b", "", None)
    assert [current.is_trusted(app, "http", host) for host in hosts] == [True] * 2 + [False] * 4
