"""A connection of a worker: it departs, and is read, and the worker goes on."""

from __future__ import annotations

import math
import socket
import time
from contextlib import closing, suppress
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from portal.cli.conn import ANSWERING_PACE, ANSWERING_SECONDS, Conn
from portal.cli.departures import LINGER, Departures
from portal.cli.reader import READING_SECONDS


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("graceful", [False, True])
def test_it_departs_where_the_other_side_is_to_have_its_answer(graceful: bool, tls: bool) -> None:
    there, here = socket.socketpair()
    with closing(there), closing(here), closing(Departures()) as departures:
        there.sendall(b"x")
        conn = Conn(SimpleNamespace(is_ssl=tls), here, ("a", 1), ("b", 2))
        conn.departures = departures
        began = time.monotonic()
        conn.close(graceful)
        assert time.monotonic() - began < LINGER / 2
        assert (here.fileno() >= 0) is graceful
        departures.overdue(math.inf)
        assert here.fileno() == -1


def test_it_is_read_by_one_who_does_not_wait_for_ever() -> None:
    there, here = socket.socketpair()
    with closing(there), closing(here):
        conn = Conn(Config(), here, ("a", 1), ("b", 2))
        conn.init()
        first = conn.parser
        conn.init()
        assert conn.parser is first
        assert first.unreader is conn.reader
        there.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        conn.reader.request = asked = next(first)
        conn.reader._since -= READING_SECONDS
        assert (asked.body.read(9), asked.should_close()) == (b"abc", True)
        assert asked.body.late >= READING_SECONDS


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection that keeps little of what was not read."""
    with closing(socket.socket()) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        here = socket.create_connection(listening.getsockname())
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
        there, _ = listening.accept()
    return there, here


def test_who_takes_his_answer_at_a_pace_is_told_from_who_does_not() -> None:
    there, here = tcp_pair()
    with closing(there), closing(here):
        conn = Conn(Config(), here, ("a", 1), ("b", 2))
        conn.answer_from(began := time.monotonic())
        late = began + ANSWERING_SECONDS + 1
        assert not conn.is_late(late - 2)
        sent = taken = 0
        while taken < ANSWERING_PACE * ANSWERING_SECONDS + 64 * 1024:
            with suppress(BlockingIOError):
                sent += here.send(b"x" * 4096)
            with suppress(BlockingIOError):
                taken += len(there.recv(64 * 1024, socket.MSG_DONTWAIT))
        assert not conn.is_late(late)
        assert not conn.is_late(late + ANSWERING_SECONDS - 2)
        assert conn.is_late(late + ANSWERING_SECONDS + 1)  # he took nothing since
        conn.answer_from(late)
        assert not conn.is_late(late + ANSWERING_SECONDS - 1)
        assert conn.is_late(late + ANSWERING_SECONDS + 1)  # nor of this answer


def test_where_the_system_does_not_tell_an_answer_has_its_time_and_no_more() -> None:
    there, here = socket.socketpair()
    with closing(there), closing(here):
        conn = Conn(Config(), here, ("a", 1), ("b", 2))
        conn.answer_from(0.0)
        here.send(b"x")
        assert not conn.is_late(ANSWERING_SECONDS)
        assert conn.is_late(ANSWERING_SECONDS + 1)
