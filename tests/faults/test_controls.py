"""Broken variants of what the portal does right: each must fail the very check that proves it.

A check that nothing can fail proves nothing. Two more of these stand beside what they control:
writers without turns in test_writers.py, an answer before its COMMIT in test_crash.py.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal import ledger
from portal.database import engines, sqlite
from portal.ledger import queries, refunds
from tests.databases import Databases
from tests.faults.bank import Bank, Told, at_once, debit, in_threads
from tests.faults.test_pairs import in_order, raced
from tests.faults.test_races import MANY, check_exactly, check_one, check_parts, do_batches
from tests.faults.test_writers import Free

pytestmark = pytest.mark.faults
POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


# The engine with one thing broken


def check_funds(bank: Bank) -> None:
    """The check of exact funds, as test_races.py makes it."""
    account = bank.account("acme")
    check_exactly(bank, account, in_threads(bank, [debit(account, n) for n in range(MANY)]), 10)


def test_an_engine_with_nothing_broken_passes(bank: Bank) -> None:
    check_funds(bank)
    check_parts(bank, in_threads)


@POSTGRESQL
@pytest.mark.gate
def test_accounts_that_are_read_and_not_locked(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked outside the lock: what was read is old when it is acted upon."""
    monkeypatch.setattr(queries, "LOCK", queries.READ)
    with pytest.raises(AssertionError):
        check_funds(bank)


@SQLITE
@pytest.mark.gate
def test_a_plain_begin(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not BEGIN IMMEDIATE: a writer reads first, and then it is too late to write."""
    with begun_plainly(bank, monkeypatch), pytest.raises(AssertionError):
        check_funds(bank)


@contextmanager
def begun_plainly(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bank whose writers begin as readers do, and wait for no turn."""
    assert bank.config.sqlite_file is not None
    plain = sqlite.engine(bank.config.sqlite_file, writes=False, pool=MANY)

    @sa.event.listens_for(plain, "connect")
    def let_write(connection: sqlite3.Connection, _: object) -> None:
        connection.set_authorizer(None)
        connection.execute("PRAGMA query_only = OFF")

    monkeypatch.setattr(bank.database, "_writer", plain)
    monkeypatch.setattr(bank.database, "_turnstile", Free())
    yield
    plain.dispose()


@pytest.mark.gate
def test_a_key_that_many_ask_under_at_once(bank: Bank) -> None:
    """The key of a request is not looked at: every one of the same many is a request of its own."""
    number = itertools.count()

    def forgetful(bank: Bank, commands: Sequence[ledger.Command]) -> list[Told]:
        return in_threads(bank, [anew(each, next(number)) for each in commands])

    def anew(command: ledger.Command, number: int) -> ledger.Command:
        request = command.request
        assert request is not None
        return replace(command, request=request._replace(key=f"{request.key}-{number}"))

    account = bank.account("acme")
    check_one(bank, account, in_threads(bank, [debit(account, "same")] * MANY))
    with pytest.raises(AssertionError):
        check_one(bank, account, forgetful(bank, [debit(account, "other")] * MANY))


@POSTGRESQL
@pytest.mark.gate
def test_pairs_that_are_read_and_not_locked(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once act upon the same old state: what comes of it is neither order.

    The guards still refuse the second, and a second try would mend it.
    """
    monkeypatch.setattr(queries, "LOCK", queries.READ)
    monkeypatch.setattr(engines, "TRIES", 1)
    names = ("capture", "release")
    orders = [in_order(bank, f"order-{first}", names, first) for first in (0, 1)]
    assert any(raced(bank, f"race-{turn}", names) not in orders for turn in range(60))


@SQLITE
@pytest.mark.gate
def test_pairs_in_a_plain_begin(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where a writer reads before it has its turn."""
    names = ("capture", "release")
    orders = [in_order(bank, f"order-{first}", names, first) for first in (0, 1)]
    assert raced(bank, "sound", names) in orders
    with begun_plainly(bank, monkeypatch):
        assert any(raced(bank, f"race-{turn}", names) not in orders for turn in range(60))


@pytest.mark.gate
def test_refunds_without_a_cap(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refunds, "refundable", lambda command, _: command.credits)
    with pytest.raises(AssertionError):
        check_parts(bank, in_threads)


@POSTGRESQL
def test_locks_in_the_order_of_asking(bank: Bank) -> None:
    """Not in the order of ids: two who ask crosswise wait for each other."""

    def lock_one_by_one(connection: Connection, accounts: Sequence[str]) -> None:
        for account in accounts:
            connection.exec_driver_sql(
                "SELECT 1 FROM accounts WHERE id = %s FOR NO KEY UPDATE", (account,)
            )
            time.sleep(random.uniform(0, 0.01))

    accounts = [bank.account(f"acme-{n}", "pro") for n in range(8)]
    assert do_batches(bank, accounts, lambda *_: None) == [""] * 8
    told = do_batches(bank, accounts, lock_one_by_one)
    assert any("deadlock" in each or "BusyError" in each for each in told)


# No engine at all: a balance in a table, as one would write it first


class Table:
    """A balance of 1,000 and the keys that were seen, in tables without any law."""

    def __init__(self, connect: Callable[[], Any], mark: str) -> None:
        self.connect = connect
        self.mark = mark
        self.run("CREATE TABLE naive_balance (credits INTEGER NOT NULL)")
        self.run("CREATE TABLE naive_keys (name TEXT PRIMARY KEY)")
        self.run("INSERT INTO naive_balance VALUES (1000)")

    def run(self, text: str, *values: object) -> Any:
        """One statement on a connection of its own."""
        with closing(self.connect()) as connection:
            return connection.execute(text.replace("?", self.mark), values).rowcount

    def credits(self) -> int:
        """The balance."""
        with closing(self.connect()) as connection:
            found: int = connection.execute("SELECT credits FROM naive_balance").fetchone()[0]
            return found

    def pay_atomically(self, _: int) -> bool:
        """The right way, for a balance and nothing else: the check and the write are one."""
        rule = "UPDATE naive_balance SET credits = credits - 100 WHERE credits >= 100"
        return bool(self.run(rule) == 1)

    def pay_naively(self, _: int) -> bool:
        """Read, compare, write back."""
        credits = self.credits()
        if credits < 100:
            return False
        time.sleep(0.01)
        self.run("UPDATE naive_balance SET credits = ?", credits - 100)
        return True

    def pay_once(self, _: int) -> bool:
        """The right way, for a key and nothing else: who finds it taken does nothing."""
        if self.run("INSERT INTO naive_keys VALUES ('same') ON CONFLICT DO NOTHING") == 0:
            return False
        return self.pay_atomically(0)

    def pay_and_do_nothing_on_conflict(self, _: int) -> bool:
        """The key is kept once, and the debit is made whether it was there or not."""
        self.run("INSERT INTO naive_keys VALUES ('same') ON CONFLICT DO NOTHING")
        return self.pay_atomically(0)


@pytest.fixture
def table(bank: Bank, databases: Databases) -> Iterator[Table]:
    """The naive tables, beside the ledger's."""
    with naive(bank, databases) as made:
        yield made


@contextmanager
def naive(bank: Bank, databases: Databases) -> Iterator[Table]:
    """Naive tables in a bank's database, over connections without any guard."""
    path = bank.config.sqlite_file
    if path is not None:
        yield Table(lambda: sqlite3.connect(path, timeout=30, isolation_level=None), "?")
        return
    name = bank.config.database_url.partition("?")[0].rpartition("/")[2]
    url = databases.server().url(name).replace("+psycopg", "")
    yield Table(lambda: psycopg.connect(url, autocommit=True), "%s")


def paid(table: Table, pay: Callable[[int], bool], many: int = 24) -> tuple[int, int]:
    """How many of many at once have paid, and how many hundreds that took from the balance."""
    answers = at_once([lambda n=n: pay(n) for n in range(many)])  # type: ignore[misc]
    return sum(answers), (1_000 - table.credits()) // 100


@pytest.mark.gate
def test_a_read_and_then_a_write_loses_debits(table: Table) -> None:
    count, taken = paid(table, table.pay_naively)
    assert count > taken, "more have paid than was taken"


def test_a_check_in_the_write_loses_none(table: Table) -> None:
    assert paid(table, table.pay_atomically) == (10, 10)


@pytest.mark.gate
def test_a_key_that_is_kept_beside_the_debit_pays_twice(table: Table) -> None:
    assert paid(table, table.pay_and_do_nothing_on_conflict) > (1, 1)


def test_a_key_that_decides_the_debit_pays_once(table: Table) -> None:
    assert paid(table, table.pay_once) == (1, 1)


def test_the_ledger_passes_where_the_table_failed(bank: Bank) -> None:
    account = bank.account("acme")
    same: list[ledger.Command] = [debit(account, "same")] * 24
    answers = in_threads(bank, same)
    assert sum(not answer.replayed for answer in answers) == 1
    assert bank.available(account) == 900
