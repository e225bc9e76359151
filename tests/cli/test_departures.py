"""Connections that are being closed: the other side has its answer, and nobody waits for it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from portal.cli.departures import LINGER, PIECE, Departures


@pytest.fixture
def departures() -> Iterator[Departures]:
    with closing(Departures()) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        there = socket.create_connection(server.getsockname())
        here, _ = server.accept()
    with closing(there), closing(here):
        there.settimeout(5)
        yield there, here


def check_gone(departures: Departures, there: socket.socket, here: socket.socket) -> None:
    """Once the other side has gone, so has this one."""
    there.close()
    assert select.select([departures], [], [], 5)[0]
    departures.pass_over()
    assert here.fileno() == -1


def test_an_answer_is_read_although_what_was_said_was_not(
    departures: Departures, pair: tuple[socket.socket, socket.socket]
) -> None:
    there, here = pair
    there.sendall(b"x" * 3 * PIECE)
    here.sendall(b"an answer")
    departures.leave(here)
    assert here.fileno() >= 0
    while select.select([departures], [], [], 0.1)[0]:
        departures.pass_over()
    assert there.recv(100) == b"an answer"
    assert there.recv(100) == b""
    check_gone(departures, there, here)


def test_they_are_closed_when_their_time_is_up(
    departures: Departures, pair: tuple[socket.socket, socket.socket]
) -> None:
    _, here = pair
    departures.leave(here)
    departures.overdue(time.monotonic() + LINGER / 2)
    assert here.fileno() >= 0
    departures.overdue(time.monotonic() + LINGER)
    assert here.fileno() == -1


def test_one_that_is_reset_is_closed(
    departures: Departures, pair: tuple[socket.socket, socket.socket]
) -> None:
    there, here = pair
    departures.leave(here)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    check_gone(departures, there, here)


def test_more_than_a_few_hundred_do_not_linger(
    departures: Departures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.cli.departures.LEAVING_MAX", 2)
    pairs = [socket.socketpair() for _ in range(4)]
    for here, _ in pairs:
        departures.leave(here)
    assert [here.fileno() >= 0 for here, _ in pairs] == [False, False, True, True]
    departures.shed()
    assert all(here.fileno() == -1 for here, _ in pairs)
    for _, there in pairs:
        there.close()


def test_one_that_has_gone_is_closed_at_once(departures: Departures) -> None:
    sock = socket.socket()
    departures.leave(sock)
    assert sock.fileno() == -1
