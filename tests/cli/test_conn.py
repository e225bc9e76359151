"""A connection of a worker: it departs, and is read, and the worker goes on."""

from __future__ import annotations

import math
import socket
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from portal.cli.conn import Conn
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
