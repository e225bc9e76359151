"""The database goes away, freezes, fills up or is kept: the answer says so, soon, and truly."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portal import ledger
from portal.database import DatabaseError, pipeline, postgresql, sqlite, turnstile
from tests.databases import SERVES, Databases
from tests.faults.bank import SOON, STUDIO, Bank, Told, asked, at_once, crew, debit
from tests.faults.relay import Relay

pytestmark = pytest.mark.faults
POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
AWAY = "StorageUnavailableError"
BUSY = "InProgressError"


def name(told: Told) -> str:
    """An answer's code, or the name of what failed."""
    return told.code.partition(":")[0]


@contextmanager
def administrator(bank: Bank, databases: Databases) -> Iterator[tuple[Any, str]]:
    """A superuser's connection to the server, and the name of the bank's database."""
    name = bank.config.database_url.partition("?")[0].rpartition("/")[2]
    url = databases.server().url("postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection, name


def end_connections(connection: Any, name: str) -> None:
    """End every session of one database, as a server does that starts anew."""
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
    )


@POSTGRESQL
def test_a_server_that_started_anew_is_not_noticed(bank: Bank, databases: Databases) -> None:
    account = bank.account("acme")
    at_once([lambda: bank.available(account)] * 8)  # eight connections in the pool
    with administrator(bank, databases) as (connection, name):
        end_connections(connection, name)
    assert [bank.ask(debit(account, job, 1)).code for job in range(4)] == ["posted"] * 4
    assert bank.available(account) == 996


@POSTGRESQL
def test_a_server_that_is_away_is_told_at_once_and_forgotten_when_it_is_back(
    bank: Bank, databases: Databases
) -> None:
    account = bank.account("acme")
    with administrator(bank, databases) as (connection, name_of_database):
        connection.execute(f"ALTER DATABASE {name_of_database} ALLOW_CONNECTIONS false")
        end_connections(connection, name_of_database)
        begun = time.monotonic()
        bank.now += 2_000_000  # the price list is asked for anew, too
        answers = at_once([lambda: bank.submit(debit(account, "job"))] * 32)
        with pytest.raises(DatabaseError):
            bank.available(account)
        assert {name(answer) for answer in answers} == {AWAY}
        assert time.monotonic() - begun < 5
        connection.execute(f"ALTER DATABASE {name_of_database} ALLOW_CONNECTIONS true")
    assert bank.submit(debit(account, "job")) == bank.submit(debit(account, "job"))._replace(
        replayed=False
    )
    assert bank.available(account) == 900


@contextmanager
def wired(bank: Bank, databases: Databases) -> Iterator[tuple[Bank, Relay]]:
    """The same bank over a wire that can be cut."""
    database = bank.config.database_url.partition("?")[0].rpartition("/")[2]
    with Relay(databases.server().port) as relay:
        host, port = relay.address
        url = f"postgresql+psycopg://{SERVES}@{host}:{port}/{database}"
        with closing(Bank(replace(bank.config, database_url=url))) as other:
            other.state.tariffs()
            yield other, relay


@POSTGRESQL
@pytest.mark.parametrize(("cut", "kept"), [("before", False), ("after", True)])
def test_a_wire_that_breaks_at_commit_leaves_an_answer_that_the_key_finds(
    bank: Bank, databases: Databases, cut: str, kept: bool
) -> None:
    account, job = bank.account("acme"), debit("acme", "job")
    with wired(bank, databases) as (far, relay):
        relay.cut = cut
        assert name(far.submit(job)) == AWAY
        assert (relay.cuts, bank.available(account)) == (1, 900 if kept else 1_000)
        again = far.submit(job)
        assert (again.code, again.replayed) == ("posted", kept)
        assert far.submit(job) == again._replace(replayed=True)
    assert bank.available(account) == 900
    assert bank.differences() == ()


@POSTGRESQL
def test_what_may_have_been_committed_is_not_done_again_by_itself(
    bank: Bank, databases: Databases
) -> None:
    """Credits that have no key and no payment: only a person may decide to give them once more."""
    bank.account("acme")
    given = ledger.IssueGrant(
        account_id="acme",
        credits=500,
        origin="goodwill",
        reference=ledger.Reference("ticket", "T-1"),
        actor=STUDIO,
    )
    with wired(bank, databases) as (far, relay):
        relay.cut = "after"
        answers = at_once([lambda: far.submit(given), lambda: far.submit(debit("acme", 1, 1))])
    assert AWAY in {name(answer) for answer in answers}
    assert [entry.reason for entry in bank.entries("acme")].count("goodwill") == 1


@POSTGRESQL
def test_a_server_that_freezes_is_given_up(
    bank: Bank, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "ANSWER_MILLISECONDS", 300)
    account = bank.account("acme")
    with administrator(bank, databases) as (connection, database):
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s", [database]
        ).fetchall()
        for (pid,) in rows:
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        try:
            told = bank.submit(debit(account, "job"))
        finally:
            for (pid,) in rows:
                os.kill(pid, signal.SIGCONT)
    assert told.code == "posted" or name(told) == AWAY
    assert time.monotonic() - begun < 5
    assert bank.ask(debit(account, "job")).code == "posted"
    assert bank.available(account) == 900


@POSTGRESQL
def test_an_account_that_is_kept_is_told_busy_and_others_are_served(
    bank: Bank, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql.SETTINGS, "lock_timeout", "100ms")
    kept, free = bank.account("kept"), bank.account("free")
    url = databases.server().url(bank.config.database_url.partition("?")[0].rpartition("/")[2])
    with (
        closing(Bank(bank.config)) as hurried,
        psycopg.connect(url.replace("+psycopg", "")) as lock,
    ):
        lock.execute("SELECT 1 FROM accounts WHERE id = 'kept' FOR UPDATE")
        assert name(hurried.submit(debit(kept, "job"))) == BUSY
        assert hurried.submit(debit(free, "job")).code == "posted"
        lock.rollback()
        assert hurried.submit(debit(kept, "job")).code == "posted"


@SQLITE
def test_another_program_that_keeps_the_file_is_told_busy(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.2)
    account = bank.account("acme")
    with closing(Bank(bank.config)) as hurried, closing(sqlite3.connect(file_of(bank))) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        answers = at_once([lambda n=n: hurried.submit(debit(account, n)) for n in range(8)])  # type: ignore[misc]
        assert {name(answer) for answer in answers} == {BUSY}
        assert time.monotonic() - begun < 5
        other.rollback()
        assert hurried.submit(debit(account, 1)).code == "posted"


def file_of(bank: Bank) -> Path:
    """The SQLite file of a bank."""
    assert bank.config.sqlite_file is not None
    return bank.config.sqlite_file


def keep_a_turn(bank: Bank, seconds: float) -> int:
    """Be stopped in the middle of one's turn, by a debugger or a tired machine."""
    with bank.database.writing():
        time.sleep(seconds)
    return os.getpid()


def wait_for_a_turn(bank: Bank, seconds: float) -> tuple[str, float, str]:
    """Ask while another process keeps its turn, with little patience, and again when it is over."""
    turnstile.WAIT_SECONDS = 0.3  # type: ignore[assignment, misc]
    time.sleep(0.2)
    begun = time.monotonic()
    first = name(bank.submit(debit("acme", "job")))
    waited = time.monotonic() - begun
    time.sleep(seconds)
    return first, waited, name(bank.submit(debit("acme", "job")))


@SQLITE
def test_a_writer_stopped_in_its_turn_hangs_nobody(bank: Bank) -> None:
    bank.account("acme")
    both = crew(bank, turns, [(keep_a_turn, 1.5), (wait_for_a_turn, 1.5)])
    first, waited, second = both[1]
    assert (first, second) == (BUSY, "posted")
    assert waited < 1
    assert bank.ask(debit("acme", "other")).code == "posted"


def turns(bank: Bank, work: Any, seconds: float) -> Any:
    """One of the two."""
    return work(bank, seconds)


def fill_the_disk(bank: Bank, room: int) -> list[tuple[int, Told]]:
    """Debit until files may not grow any more, and a few times after that."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = file_of(bank).with_name(file_of(bank).name + "-wal")
    limit = log.stat().st_size + room
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    answers = [(job, bank.submit(debit("acme", job, 1))) for job in range(40)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return [*answers, (99, bank.submit(debit("acme", 99, 1)))]


@SQLITE
@pytest.mark.parametrize("room", [0, 5_000, 60_000, 123_457])
def test_a_disk_that_is_full_loses_nothing_acknowledged(bank: Bank, room: int) -> None:
    bank.account("acme")
    [answers] = crew(bank, fill_the_disk, [(room,)])
    posted = [job for job, told in answers if told.code == "posted"]
    failed = [job for job, told in answers if told.code != "posted"]
    assert {name(told) for _, told in answers} == {"posted", AWAY}
    assert posted[-1] == 99, "with room again it goes on"
    assert failed[0] <= room // 4_096 + 1
    assert bank.available("acme") == 1_000 - len(posted)
    for job, told in answers:
        again = bank.ask(debit("acme", job, 1))
        assert again.code == "posted"
        if told.code == "posted":
            assert (again.replayed, again.said) == (True, told.said)
    assert bank.available("acme") == 1_000 - len(answers)
    assert bank.differences() == ()


@SQLITE
def test_a_file_that_cannot_be_opened_is_told(bank: Bank) -> None:
    bank.account("acme")
    lock = file_of(bank).with_name(file_of(bank).name + ".lock")
    lock.unlink()
    lock.mkdir()
    assert name(bank.submit(debit("acme", "job"))) == AWAY
    lock.rmdir()
    bank.close()
    away = file_of(bank).rename(file_of(bank).with_name("away.db"))
    assert name(bank.submit(debit("acme", "job"))) == AWAY
    with pytest.raises(DatabaseError), bank.database.reading():
        pass
    assert not file_of(bank).exists(), "nothing is made in its place"
    away.rename(file_of(bank))
    assert bank.submit(debit("acme", "job")).code == "posted"


def test_the_key_of_a_command_holds_over_all_that(bank: Bank) -> None:
    """What the tests above lean on: the same command is the same key."""
    assert debit("acme", 1) == debit("acme", 1)
    assert asked("a") != asked("b")
    assert bank.now == SOON
