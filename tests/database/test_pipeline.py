"""portal/database/pipeline.py: many statements in one trip, and a sound connection after each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal.database import Database
from portal.database.pipeline import Asked, Row
from portal.ledger import PIPELINE

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
NUMBER = "SELECT $1::bigint"
QUOTIENT = "SELECT 1 / $1::bigint"


def trip(connection: Connection, *asked: Asked) -> list[list[Row]]:
    """Run statements on a connection in one round trip."""
    rows: list[list[Row]] = connection.info[PIPELINE](asked)
    return rows


def undone(database: Database, asked: Asked, run: Callable[..., object] = trip) -> None:
    """Run a statement, and leave the block by an error."""
    with database.writing() as connection:
        run(connection, asked)
        raise RuntimeError


def test_rows_come_back_statement_by_statement(database: Database) -> None:
    series = "SELECT n, 'n' || n FROM generate_series(1, $1::bigint) AS n"
    with database.reading() as connection:
        found = trip(connection, (NUMBER, [7]), (series, [2]), (series, [0]), (NUMBER, [None]))
    assert found == [[(7,)], [(1, "n1"), (2, "n2")], [], [(None,)]]


def test_the_first_trip_begins_a_transaction_of_the_connections_kind(database: Database) -> None:
    asked: list[Asked] = [("SHOW transaction_isolation", []), ("SHOW transaction_read_only", [])]
    with database.writing() as connection:
        assert trip(connection, *asked) == [[("read committed",)], [("off",)]]
    with database.reading() as connection:
        assert trip(connection, *asked) == [[("repeatable read",)], [("on",)]]


def test_it_works_in_the_drivers_transaction_and_the_driver_in_its(database: Database) -> None:
    number = "SELECT txid_current()"
    with database.writing() as connection:
        first = connection.exec_driver_sql(number).scalar_one()
        [[(second,)]] = trip(connection, (number, []))
        third = connection.exec_driver_sql(number).scalar_one()
    assert first == second == third


def test_what_was_done_is_kept_at_commit_and_gone_at_rollback(database: Database) -> None:
    text = "INSERT INTO accounts (id, head_hash, revision_hash, created_at) VALUES ($1, $2, $2, 1)"
    genesis = bytes(32)
    with database.writing() as connection:
        trip(connection, (text, ["kept", genesis]))
    with pytest.raises(RuntimeError):
        undone(database, (text, ["gone", genesis]))
    with database.reading() as connection:
        assert trip(connection, ("SELECT id FROM accounts", [])) == [[("kept",)]]


def test_what_the_driver_drops_at_rollback_is_prepared_anew(database: Database) -> None:
    with database.writing() as connection:
        for _ in range(4):  # what the driver runs often it prepares, and drops all at rollback
            connection.exec_driver_sql("SELECT 1")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            undone(database, (NUMBER, [1]))
        with database.reading() as connection:
            assert trip(connection, (NUMBER, [2])) == [[(2,)]]


def test_the_first_failure_is_raised_and_nothing_after_it_is_run(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("SAVEPOINT here")
        with pytest.raises(psycopg.errors.DivisionByZero):
            trip(
                connection,
                (NUMBER, [1]),
                ("SELECT 1 / $1::bigint", [0]),
                ("SELECT nonsense", []),
            )
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
        assert trip(connection, (NUMBER, [3]), ("SELECT 8 / $1::bigint", [2])) == [[(3,)], [(4,)]]


def test_a_statement_that_cannot_be_prepared_is_tried_anew(database: Database) -> None:
    with database.writing() as connection:
        for _ in range(2):
            connection.exec_driver_sql("SAVEPOINT here")
            with pytest.raises(psycopg.errors.UndefinedTable):
                trip(connection, (NUMBER, [1]), ("SELECT * FROM not_there", []))
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
        assert trip(connection, (NUMBER, [2])) == [[(2,)]]


def test_more_than_both_buffers_hold_goes_both_ways(database: Database) -> None:
    text = "x" * 3_000_000
    with database.reading() as connection:
        echo = ("SELECT $1::text", [text])
        assert trip(connection, echo, echo, echo) == [[(text,)]] * 3


def test_a_server_that_ends_the_connection_is_an_error_and_the_next_one_works(
    database: Database,
) -> None:
    ends = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises((psycopg.Error, sa.exc.DBAPIError)), database.writing() as connection:
        trip(connection, (ends, []), (NUMBER, [1]))
    with database.writing() as connection:
        assert trip(connection, (NUMBER, [5])) == [[(5,)]]


def test_a_trip_can_be_a_transaction_of_its_own(database: Database) -> None:
    number, now = "SELECT txid_current()", "SELECT transaction_timestamp()"
    with database.writing() as connection:
        pipeline = connection.info[PIPELINE]
        first, second = (pipeline.at_once([(number, []), (now, []), (now, [])]) for _ in range(2))
        assert first[0] != second[0]
        assert first[1] == first[2] != second[1] == second[2]
        assert pipeline._pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with pytest.raises(psycopg.errors.DivisionByZero):
            pipeline.at_once([(QUOTIENT, [0]), (NUMBER, [1])])
        assert pipeline.at_once([(NUMBER, [1])]) == [[(1,)]]


def test_other_threads_run_while_it_waits(database: Database) -> None:
    counted = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal counted
        while not ended.is_set():
            counted += 1
            time.sleep(0.01)

    thread = threading.Thread(target=count)
    with database.reading() as connection:
        thread.start()
        trip(connection, ("SELECT pg_sleep(0.5)", []))
        ended.set()
    thread.join()
    assert counted > 5


ACCOUNT = "INSERT INTO accounts (id, head_hash, revision_hash, created_at) VALUES ($1, $2, $2, 1)"


def later(connection: Connection, *asked: Asked) -> None:
    """Leave statements for the next trip."""
    connection.info[PIPELINE].later(asked)


def names(database: Database) -> list[Row]:
    """The accounts there are."""
    with database.reading() as connection:
        return trip(connection, ("SELECT id FROM accounts ORDER BY id", []))[0]


def test_what_is_left_for_later_is_kept_at_commit(database: Database) -> None:
    with database.writing() as connection:
        later(connection, (ACCOUNT, ["first", bytes(32)]), (ACCOUNT, ["second", bytes(32)]))
        assert names(database) == []
    assert names(database) == [("first",), ("second",)]


def test_what_is_left_for_later_is_there_for_whoever_asks_next(database: Database) -> None:
    count = "SELECT count(*) FROM accounts"
    with database.writing() as connection:
        later(connection, (ACCOUNT, ["first", bytes(32)]))
        assert trip(connection, (count, [])) == [[(1,)]]
        later(connection, (ACCOUNT, ["second", bytes(32)]))
        assert connection.exec_driver_sql(count).scalar_one() == 2
    assert len(names(database)) == 2


def test_what_is_left_for_later_is_gone_at_rollback(database: Database) -> None:
    with pytest.raises(RuntimeError):
        undone(database, (ACCOUNT, ["gone", bytes(32)]), later)
    with database.writing() as connection:
        later(connection, (ACCOUNT, ["kept", bytes(32)]))
    assert names(database) == [("kept",)]


def test_what_fails_before_its_commit_leaves_nothing_and_a_sound_connection(
    database: Database,
) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), database.writing() as connection:
        later(connection, (ACCOUNT, ["one", bytes(32)]), (ACCOUNT, ["one", bytes(32)]))
    assert names(database) == []
    with database.writing() as connection:
        later(connection, (ACCOUNT, ["one", bytes(32)]))
    assert names(database) == [("one",)]


def test_what_the_driver_drops_after_a_failed_commit_is_prepared_anew(database: Database) -> None:
    with database.writing() as connection:
        for _ in range(8):  # so often that the driver prepares it
            connection.exec_driver_sql("SELECT 1")
        later(connection, (QUOTIENT, [1]))
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero), database.writing() as connection:
            later(connection, (QUOTIENT, [0]))
        with database.writing() as connection:
            assert trip(connection, (NUMBER, [7])) == [[(7,)]]


def test_what_is_refused_at_commit_is_raised(database: Database) -> None:
    grant = (
        "INSERT INTO grants (id, account_id, seq, origin, priority, amount, effective_at)"
        " VALUES ('grt_1', 'one', 1, 'purchase', 50, 1, 1)"
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation), database.writing() as connection:
        later(connection, (ACCOUNT, ["one", bytes(32)]), (grant, []))
    assert names(database) == []
