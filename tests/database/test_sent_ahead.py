"""portal/database/pipeline.py: parts sent ahead, while the server works on those before."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal.database import Database, DatabaseError, pipeline
from portal.database.pipeline import Asked, Row
from portal.ledger import PIPELINE
from tests.databases import Databases

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
NUMBER = "SELECT $1::bigint"
QUOTIENT = "SELECT 1 / $1::bigint"
ACCOUNT = "INSERT INTO accounts (id, head_hash, revision_hash, created_at) VALUES ($1, $2, $2, 1)"
COUNT = "SELECT count(*) FROM accounts"
LOCK = "SELECT pg_advisory_xact_lock($1::bigint)"
LOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND granted"
AWAY = (psycopg.Error, sa.exc.DBAPIError, DatabaseError)


def trip(connection: Connection, *asked: Asked) -> list[list[Row]]:
    """Run statements on a connection in one round trip."""
    rows: list[list[Row]] = connection.info[PIPELINE](asked)
    return rows


def later(connection: Connection, *asked: Asked) -> None:
    """Leave statements for the next trip."""
    connection.info[PIPELINE].later(asked)


def ahead(connection: Connection, *asked: Asked) -> None:
    """Send statements, and do not wait for them."""
    later(connection, *asked)
    connection.info[PIPELINE].send_ahead()


def within(database: Database, *works: Callable[[Connection], object]) -> None:
    """Do things in one database transaction, and commit it."""
    with database.writing() as connection:
        for work in works:
            work(connection)


def sends(*asked: Asked) -> Callable[[Connection], object]:
    """What sends statements ahead."""
    return lambda connection: ahead(connection, *asked)


def fails(error: type[BaseException]) -> Callable[[Connection], object]:
    """What raises an error of our own."""

    def failing(_: Connection) -> None:
        raise error

    return failing


def account(name: str) -> Asked:
    """What opens an account."""
    return ACCOUNT, [name, bytes(32)]


def names(database: Database) -> list[Row]:
    """The accounts there are."""
    with database.reading() as connection:
        return trip(connection, ("SELECT id FROM accounts ORDER BY id", []))[0]


def becomes(database: Database, asked: Asked, wanted: int) -> bool:
    """Whether a number becomes the one that is waited for, as another connection sees it."""
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        with database.reading() as connection:
            if trip(connection, asked) == [[(wanted,)]]:
                return True
        time.sleep(0.01)
    return False


def pid_of(connection: Connection) -> int:
    """The server's process behind a connection."""
    pid: int = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return pid


def sound(database: Database) -> int:
    """The process behind the connection that the pool gives next, which works as it should."""
    with database.writing() as connection:
        read_only: Asked = ("SHOW transaction_read_only", [])
        assert trip(connection, (NUMBER, [5]), read_only) == [[(5,)], [("off",)]]
        assert connection.exec_driver_sql("SELECT 6").scalar_one() == 6
        return pid_of(connection)


def test_whoever_asks_next_sees_what_was_sent_ahead(database: Database) -> None:
    with database.writing() as connection:
        ahead(connection, account("a"))
        ahead(connection, account("b"))
        later(connection, account("c"))
        assert trip(connection, (COUNT, []), (NUMBER, [4])) == [[(3,)], [(4,)]]
        ahead(connection, account("d"))
        assert connection.exec_driver_sql(COUNT).scalar_one() == 4
        ahead(connection, account("e"))
        assert names(database) == []
    assert names(database) == [(name,) for name in "abcde"]


def test_nothing_to_send_is_not_sent(database: Database) -> None:
    with database.writing() as connection:
        connection.info[PIPELINE].send_ahead()
        status = connection.info[PIPELINE]._pgconn.transaction_status
        assert status == psycopg.pq.TransactionStatus.IDLE
    with database.writing() as connection:
        ahead(connection, account("a"))
        connection.info[PIPELINE].send_ahead()
    assert names(database) == [("a",)]


def test_a_statement_that_cannot_be_prepared_ahead_is_tried_anew(database: Database) -> None:
    with database.writing() as connection:
        for _ in range(2):
            connection.exec_driver_sql("SAVEPOINT here")
            ahead(connection, ("SELECT * FROM not_there", []))
            ahead(connection, ("SELECT * FROM not_there", []), (NUMBER, [1]))
            with pytest.raises(psycopg.errors.UndefinedTable):
                trip(connection, (NUMBER, [1]), (QUOTIENT, [1]))
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
        assert trip(connection, (NUMBER, [2]), (QUOTIENT, [1])) == [[(2,)], [(1,)]]


def test_answers_to_parts_that_more_than_fill_the_buffers_go_both_ways(database: Database) -> None:
    text = "x" * 3_000_000
    echo = ("SELECT $1::text", [text])
    with database.reading() as connection:
        for _ in range(3):
            ahead(connection, echo, echo)
        assert trip(connection, echo) == [[(text,)]]


def test_the_server_works_on_what_was_sent_ahead_however_large_it_is(database: Database) -> None:
    with database.writing() as connection:
        later(connection, ("SELECT length($1::text)", ["x" * 3_000_000]), (LOCK, [7]))
        assert becomes(database, (LOCKED, []), 0)
        ahead(connection)
        assert becomes(database, (LOCKED, []), 1)
        assert trip(connection, (NUMBER, [1])) == [[(1,)]]


def test_what_is_sent_ahead_is_in_a_transaction_of_the_connections_kind(
    database: Database,
) -> None:
    asked: list[Asked] = [("SHOW transaction_isolation", []), ("SHOW transaction_read_only", [])]
    with database.reading() as connection:
        ahead(connection, (NUMBER, [1]))
        assert trip(connection, *asked) == [[("repeatable read",)], [("on",)]]


def test_where_none_can_be_begun_nothing_is_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misspell(connection: Connection) -> None:
        monkeypatch.setattr(connection.info[PIPELINE], "_begin", lambda: [("BEGIN NONSENSE", [])])

    def send_more(connection: Connection) -> None:
        with pytest.raises(psycopg.errors.SyntaxError):
            ahead(connection, account("gone"))
        monkeypatch.undo()

    within(database, misspell, send_more)
    assert names(database) == []


NEXT: dict[str, Callable[[Connection], object]] = {
    "a trip": lambda connection: trip(connection, (NUMBER, [1])),
    "the driver's": lambda connection: connection.exec_driver_sql("SELECT 1"),
    "one that was left for later": lambda connection: later(connection, account("two")),
    "another part": sends(account("two")),
    "COMMIT": lambda _: None,
}


@pytest.mark.parametrize("what", NEXT)
def test_what_fails_ahead_is_raised_by_the_next_trip_and_nothing_is_kept(
    database: Database, what: str
) -> None:
    pid = sound(database)
    fails = sends(account("one"), account("one"), account("three"))
    with pytest.raises((psycopg.errors.UniqueViolation, sa.exc.IntegrityError)):
        within(database, sends(account("zero")), fails, sends(account("four")), NEXT[what])
    assert names(database) == []
    assert sound(database) == pid


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_of_our_own_what_was_sent_ahead_is_gone_and_the_connection_stays(
    database: Database, error: type[BaseException]
) -> None:
    pid = sound(database)
    slow = sends(account("gone"), (NUMBER, [1]), ("SELECT pg_sleep(0.1)", []))
    wrong = sends(account("gone too"), (QUOTIENT, [0]))
    for _ in range(2):
        with pytest.raises(error):
            within(
                database,
                slow,
                wrong,
                lambda connection: later(connection, account("never sent")),
                fails(error),
            )
        assert names(database) == []
        assert sound(database) == pid


def test_what_cannot_be_sent_closes_the_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(connection: Connection) -> None:
        monkeypatch.setattr(
            connection.info[PIPELINE], "_flush", partial(fails(OSError), connection)
        )

    pid = sound(database)
    with pytest.raises((OSError, *AWAY)):
        within(database, sends(account("gone")), cut, sends(account("gone too")))
    assert names(database) == []
    assert sound(database) != pid


def test_a_server_that_does_not_answer_what_was_sent_ahead_is_given_up_at_rollback(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(connection: Connection) -> None:
        connection.info[PIPELINE].forget()  # as at rollback
        closed.append(connection.connection.driver_connection.closed)  # type: ignore[union-attr]
        raise RuntimeError

    closed: list[bool] = []
    pid, begun = sound(database), time.monotonic()
    slow = sends(account("gone"), ("SELECT pg_sleep(3)", []))
    monkeypatch.setattr(pipeline, "ANSWER_MILLISECONDS", 100)
    with pytest.raises(AWAY):
        within(database, slow, give_up)
    assert closed == [True]
    assert time.monotonic() - begun < 2
    monkeypatch.undo()
    assert names(database) == []
    assert sound(database) != pid


def test_an_interrupt_while_answers_are_waited_out_closes_the_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(connection: Connection) -> None:
        interrupted = partial(fails(KeyboardInterrupt), connection)
        monkeypatch.setattr(connection.info[PIPELINE], "_result", interrupted)

    pid = sound(database)
    with pytest.raises(KeyboardInterrupt):
        within(database, sends(account("gone")), interrupt, fails(RuntimeError))
    assert names(database) == []
    assert sound(database) != pid


@pytest.mark.parametrize("what", [*NEXT, "an error of our own"])
def test_a_server_that_ends_the_connection_with_parts_on_their_way_has_kept_nothing(
    database: Database, databases: Databases, what: str
) -> None:
    def end(_: Connection) -> None:
        admin = databases.server().url("postgres").replace("+psycopg", "")
        with psycopg.connect(admin, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    pid = sound(database)
    slow = sends(account("gone"), ("SELECT pg_sleep(0.2)", []))
    with pytest.raises(AWAY):
        within(database, slow, end, sends(account("more")), NEXT.get(what, fails(RuntimeError)))
    assert names(database) == []
    assert sound(database) != pid


def test_a_server_that_takes_nothing_in_is_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, begun = sound(database), time.monotonic()
    monkeypatch.setattr(pipeline, "ANSWER_MILLISECONDS", 200)
    large = sends(("SELECT length($1::text)", ["x" * 30_000_000]))
    try:
        with pytest.raises(AWAY):
            within(database, sends(account("gone")), lambda _: os.kill(pid, signal.SIGSTOP), large)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert time.monotonic() - begun < 5
    monkeypatch.undo()
    assert names(database) == []
    assert sound(database) != pid


def test_who_sent_ahead_and_says_no_more_keeps_locks_no_longer_than_others(
    database: Database,
) -> None:
    def stand_still(connection: Connection) -> None:
        here = ("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int", [pid_of(connection)])
        ended.append(becomes(database, here, 0))

    ended: list[bool] = []
    hurried: Asked = ("SET LOCAL idle_in_transaction_session_timeout = '100ms'", [])
    with pytest.raises(AWAY):
        within(database, sends(hurried), sends(account("gone")), stand_still)
    assert ended == [True]
    assert names(database) == []
