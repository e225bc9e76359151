"""portal/cli/rounds.py: due work sooner, the same entries as later, and nobody else disturbed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from portal import identity, ledger
from portal.cli import rounds
from portal.cli.rounds import Advanced, advance_due, checkpoint, due_groups, log_size, sweep
from portal.config import Config
from portal.database import BusyError, DatabaseError, turnstile
from portal.internal.keys import issue_key
from portal.internal.nonces import spend_nonce, spent_nonces
from tests.cli.due_work import DAY, HOUR, NOW, SECOND, World
from tests.databases import Databases

MONTH = 31 * DAY


@pytest.fixture
def world(config: Config) -> Iterator[World]:
    made = World(config)
    yield made
    made.close()


def due(world: World) -> list[str]:
    return [each.account for group in due_groups(world.state, world.now) for each in group]


def test_what_fell_due_is_written_and_then_nothing_is_due(world: World) -> None:
    world.open(["acme", "zenith"])
    world.hold(["acme"], 60)
    assert advance_due(world.state) == Advanced(0, 0)
    world.now += 90 * SECOND
    assert due(world) == ["acme"]
    assert advance_due(world.state) == Advanced(1, 0)
    (ended,) = [entry for entry in world.entries("acme") if entry["kind"] == "release"]
    assert (ended["resolution"], ended["occurred_at"]) == ("expired", NOW + 60 * SECOND)
    assert advance_due(world.state) == Advanced(0, 0)
    assert due(world) == []
    assert len(world.entries("zenith")) == 1
    assert world.audit().clean


def test_it_goes_through_more_accounts_than_one_group_holds_by_when_they_were_due(
    world: World,
) -> None:
    names = [f"account-{number:03}" for number in range(2 * rounds.GROUP + 3)]
    world.open(names)
    world.hold(names[40:], 30)
    world.hold(names[:40], 60)
    world.now += HOUR
    assert due(world) == [*names[40:], *names[:40]]
    assert advance_due(world.state) == Advanced(len(names), 0)
    assert due(world) == []


def live(world: World, *, ticking: bool) -> None:
    """Four months of an account: holds that run out, gifts that lapse, periods that turn."""
    world.open(["acme"], tier="pro")
    for day in range(0, 124):
        world.now = NOW + day * DAY
        if day % 9 == 0:
            world.give("acme", 1_000 + day, world.now + 5 * DAY + HOUR)
        if day % 7 == 0:
            world.hold(["acme"], 3_600 * (1 + day % 5), f"day-{day}")
        if day % 10 == 0:
            world.touch("acme")
        if ticking:
            for hour in range(0, 24, 2):
                world.now = NOW + day * DAY + hour * HOUR
                advance_due(world.state)
    world.now = NOW + 124 * DAY
    world.touch("acme")


def test_with_and_without_a_clock_the_entries_are_the_same(
    databases: Databases, dialect: str
) -> None:
    """Nobody comes by for days in one ledger; in the other the clock does, twelve times a day."""
    told: list[list[dict[str, Any]]] = []
    behind: list[int] = []
    for ticking in (False, True):
        with databases.fresh(dialect) as config:
            world = World(config)
            live(world, ticking=ticking)
            assert world.audit().clean
            told.append(world.entries("acme"))
            behind.append(late(world))
            world.close()
    kinds = {entry["kind"] for entry in told[0]}
    assert {"grant", "hold", "release", "expiry", "debit"} <= kinds
    assert len(told[0]) > 60
    assert told[0] == told[1]
    # The control: without the clock most of it was written long after it fell due.
    assert behind[0] > 30
    assert behind[1] < 3


def late(world: World) -> int:
    """How many entries were recorded more than three hours after they occurred."""
    with world.state.database.reading() as connection:
        page = ledger.page(connection, "acme", limit=200).entries
    return sum(entry.recorded_at - entry.occurred_at > 3 * HOUR for entry in page)


def test_one_account_that_fails_keeps_no_other_back(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"account-{number:03}" for number in range(30)]
    world.open(names)
    world.hold(names, 60)
    world.now += HOUR
    post = world.state.post

    def broken(commands: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        if any(getattr(each, "account_id", "") == "account-007" for each in commands):
            raise ledger.LawBrokenError(1, "account-007", 2)
        return post(commands)

    monkeypatch.setattr(world.state, "post", broken)
    assert advance_due(world.state) == Advanced(29, 1)
    assert due(world) == ["account-007"]
    assert "account-007" in caplog.text
    monkeypatch.undo()
    assert advance_due(world.state) == Advanced(1, 0)


def test_an_account_that_is_refused_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.open(["acme"])
    world.hold(["acme"], 60)
    world.now += HOUR
    refused = ledger.Refused(ledger.AccountNotFoundError("acme"))
    monkeypatch.setattr(world.state, "post", lambda commands: [refused for _ in commands])
    assert advance_due(world.state) == Advanced(0, 1)
    assert "acme" in caplog.text


def test_a_database_that_does_not_write_ends_the_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open(["acme"])
    world.hold(["acme"], 60)
    world.now += HOUR

    def busy(_: object) -> None:
        raise BusyError("kept")

    monkeypatch.setattr(world.state.database, "run", busy)
    with pytest.raises(ledger.InProgressError):
        advance_due(world.state)


def test_it_stops_between_groups_when_told(world: World) -> None:
    names = [f"account-{number:03}" for number in range(3 * rounds.GROUP)]
    world.open(names)
    world.hold(names, 60)
    world.now += HOUR
    answers = iter([False, True])
    assert advance_due(world.state, lambda: next(answers)) == Advanced(rounds.GROUP, 0)
    assert len(due(world)) == 2 * rounds.GROUP


def test_frozen_accounts_keep_their_time_too(world: World) -> None:
    world.open(["acme"])
    world.hold(["acme"], 60)
    admin = ledger.Actor("admin", "root@example.com")
    world.state.post([ledger.SetStatus(account_id="acme", status="frozen", actor=admin)])
    world.now += HOUR
    assert advance_due(world.state) == Advanced(1, 0)


def test_it_sweeps_what_is_past_use_and_nothing_else(world: World) -> None:
    config, database = world.state.config, world.state.database
    with database.writing() as connection:
        key = issue_key(connection, service="tts", scopes=("grant",), now=NOW)
        person = identity.add_person(
            connection, "ada@example.com", "correct-horse-battery-9", account_id=None,
            role="admin", now=NOW,
        )  # fmt: skip
        identity.begin_session(connection, person, NOW)
        spend_nonce(connection, key.kid, "first-nonce", NOW // SECOND + 60, NOW)
    assert sweep(world.state) == 0
    world.now += 120 * SECOND
    assert sweep(world.state) == 1
    with database.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(spent_nonces)
        assert connection.execute(counted).scalar_one() == 0
    world.now = NOW + config.session_idle_minutes * 60 * SECOND
    assert sweep(world.state) == 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_log_is_moved_into_the_file_beside_readers_and_never_past_a_writer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.state.config.sqlite_file
    assert path is not None
    world.open([f"account-{number}" for number in range(20)])
    assert log_size(path) > 0
    assert checkpoint(path)
    with world.state.database.reading() as connection:
        connection.execute(sa.text("SELECT count(*) FROM accounts")).scalar_one()
        world.open(["acme"])
        assert not checkpoint(path), "a reader still needs what was there before"
    assert checkpoint(path)
    monkeypatch.setattr(turnstile, "WAIT_SECONDS", 0.2)
    with turnstile.Turnstile(path).turn(), pytest.raises(DatabaseError):
        checkpoint(path)
    assert world.audit().clean


def test_a_log_that_is_not_there_is_empty(config: Config) -> None:
    assert log_size(config.root / "nowhere.db") == 0
