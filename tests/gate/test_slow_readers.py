"""Gate 48: who asks for a long file and does not read it, or goes away, keeps nothing for long."""

from __future__ import annotations

import csv
import io
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from portal import identity, ledger, pricing
from portal.clock import utc_now
from portal.config import Config
from portal.database import Database
from portal.web.export import AT_ONCE_EACH
from tests.served import Caller, served

pytestmark = pytest.mark.gate
ENTRIES = 25_000
REFERENCE = "job-" * 24  # a file of six megabytes: more than the kernel keeps for a reader
RESET = struct.pack("ii", 1, 0)


def fill(config: Config) -> str:
    """A long history of acme's; gives the cookie of somebody who may read it."""
    database, now = Database(config), utc_now()
    terms: dict[str, Any] = {
        "tariffs": pricing.Tariffs([pricing.shipped_tariff()]),
        "ids": ledger.Ids(os.urandom),
    }
    for first in range(0, ENTRIES, 1_000):
        debits = [
            ledger.Debit(
                account_id="acme", operation="generate", quantity=1,
                reference=ledger.Reference("task", f"{REFERENCE}{first + number}"),
            )
            for number in range(1_000)
        ]  # fmt: skip
        with database.writing() as connection:
            outcomes = ledger.post(connection, debits, now=now, **terms)
        assert all(isinstance(each, ledger.Posted) for each in outcomes)
    email = "ada@acme.example"
    with database.writing() as connection:
        identity.add_person(connection, email, "correct horse battery", account_id="acme", now=now)
        person = identity.find_person(connection, email)
        assert person is not None
        token = identity.begin_session(connection, person, now)
    database.dispose()
    return f"portal={token}"


@contextmanager
def reader(caller: Caller, cookie: str) -> Iterator[socket.socket]:
    """A connection on which an export has begun; little of it is kept on this side."""
    host, port = caller.portal.authority.split(":")
    with closing(socket.socket()) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
        plug.settimeout(10)
        plug.connect((host, int(port)))
        asked = f"GET /ledger.csv HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n"
        plug.sendall(asked.encode())
        assert plug.recv(15) == b"HTTP/1.1 200 OK"
        yield plug


def is_moved(config: Config) -> bool:
    """Whether SQLite's whole log can be moved into the file: nobody reads an older state."""
    database = Database(config)
    with database._writer.connect() as connection:
        driver: Any = connection.connection.driver_connection
        busy, left, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    database.dispose()
    return (busy, left) == (0, 0)


def test_who_does_not_read_a_file_keeps_no_one_else_waiting(
    config: Config, dialect: str, tmp_path: Path
) -> None:
    with served(config, tmp_path) as caller:
        cookie = fill(caller.portal.config)
        with reader(caller, cookie), reader(caller, cookie):
            assert caller.ask("/ledger.csv", Cookie=cookie).status == 429
            assert caller.ask("/usage", Cookie=cookie).status == 200
            assert caller.debit().status == 201
            if dialect == "sqlite":
                assert is_moved(caller.portal.config)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_control_who_is_read_for_all_along_keeps_the_log(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path) as caller:
        database = Database(caller.portal.config)
        with database.reading() as connection:
            ledger.get_account(connection, "acme")
            assert caller.debit().status == 201
            assert not is_moved(caller.portal.config)
        assert is_moved(caller.portal.config)
        database.dispose()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_who_goes_away_leaves_room_for_the_next(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path) as caller:
        cookie = fill(caller.portal.config)
        file = caller.ask("/ledger.csv", Cookie=cookie)
        for _ in range(2 * AT_ONCE_EACH):
            with reader(caller, cookie) as plug:
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            until = time.monotonic() + 10
            while (file := caller.ask("/ledger.csv", Cookie=cookie)).status == 429:
                assert time.monotonic() < until, "an export that nobody reads is still counted"
                time.sleep(0.05)
        assert file.headers["Transfer-Encoding"] == "chunked"
        rows = list(csv.DictReader(io.StringIO(file.body.decode(), newline="")))
        assert len(rows) == ENTRIES + 1
        assert sum(int(row["credits"]) for row in rows) == int(rows[0]["balance_after"])
