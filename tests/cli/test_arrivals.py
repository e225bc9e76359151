"""Connections on which a request has begun: waited for by the kernel, and for so long only."""

from __future__ import annotations

import io
import math
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from portal.cli.arrivals import PATIENCE, REQUEST_MAX, Arrivals, is_here

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


class Pair:
    """A connection as the worker has it, and its other end."""

    def __init__(self) -> None:
        self.sender, self.sock = socket.socketpair()
        self.parser: Any = None


@pytest.fixture
def conn() -> Iterator[Pair]:
    made = Pair()
    with closing(made.sender), closing(made.sock):
        yield made


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with closing(Arrivals()) as made:
        yield made


@pytest.mark.parametrize(
    ("said", "here"),
    [
        (b"", False),
        (b"POST /x HT", False),
        (HEAD[:-1], False),
        (HEAD, False),
        (HEAD + b"ab", False),
        (HEAD + b"abc", True),
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (HEAD.replace(b"3", b"x"), True),
        (HEAD.replace(b"Host: a", b"Transfer-Encoding: chunked"), True),
        (HEAD.replace(b"Host: a", b"Expect: 100-continue"), True),
        (HEAD.replace(b"Host: a", b"Content-Length: 9"), True),
        (b"x" * REQUEST_MAX, True),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_request_is_here_when_no_thread_would_wait_for_more(
    conn: Pair, said: bytes, here: bool
) -> None:
    conn.sender.sendall(said)
    assert is_here(conn) is here
    assert said == b"" or conn.sock.recv(REQUEST_MAX + 1) == said, "nothing was taken from it"


def test_what_was_read_with_the_request_before_counts(conn: Pair) -> None:
    for ahead, said, here in (
        (b"GET / HT", b"", False),
        (b"GET / HTTP/1.1\r\n\r\n", b"", True),
        (b"GET / HT", b"TP/1.1\r\n\r\n", True),
        (HEAD, b"abc", True),
    ):
        conn.parser = SimpleNamespace(unreader=SimpleNamespace(buf=io.BytesIO(ahead)))
        conn.sender.sendall(said)
        assert is_here(conn) is here
        if said:
            conn.sock.recv(100)


def test_a_connection_that_is_closed_has_nothing_to_wait_for(conn: Pair) -> None:
    conn.sender.close()
    assert is_here(conn)
    conn.sock.close()
    assert is_here(conn)


def test_it_says_when_the_rest_has_come_and_rests_meanwhile(conn: Pair, arrivals: Arrivals) -> None:
    conn.sender.sendall(HEAD[:10])
    arrivals.wait(conn)
    assert list(arrivals.here()) == []
    assert not select.select([arrivals], [], [], 0)[0], "nothing new: nobody is woken"
    conn.sender.sendall(HEAD[10:])
    assert select.select([arrivals], [], [], 1)[0]
    assert list(arrivals.here()) == []
    conn.sender.sendall(b"abc")
    assert list(arrivals.here()) == [(conn, True)]
    assert list(arrivals.overdue(math.inf)) == []


def test_it_says_when_no_more_will_come(conn: Pair, arrivals: Arrivals) -> None:
    conn.sender.sendall(HEAD[:10])
    arrivals.wait(conn)
    conn.sender.shutdown(socket.SHUT_WR)
    assert list(arrivals.here()) == [(conn, False)]


def test_a_request_has_so_long_to_arrive_however_often_a_byte_comes(
    conn: Pair, arrivals: Arrivals
) -> None:
    conn.sender.sendall(HEAD[:10])
    arrivals.wait(conn)
    now = time.monotonic()
    conn.sender.sendall(HEAD[10:12])
    assert list(arrivals.here()) == []
    assert list(arrivals.overdue(now + PATIENCE - 1)) == []
    assert list(arrivals.overdue(now + PATIENCE)) == [conn]
    assert list(arrivals.overdue(math.inf)) == []
