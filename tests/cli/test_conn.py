"""A connection of a worker: it departs, and the worker goes on."""

from __future__ import annotations

import math
import socket
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from portal.cli.conn import Conn
from portal.cli.departures import LINGER, Departures


@pytest.mark.parametrize("graceful", [False, True])
def test_it_departs_where_the_other_side_is_to_have_its_answer(graceful: bool) -> None:
    there, here = socket.socketpair()
    with closing(there), closing(here), closing(Departures()) as departures:
        there.sendall(b"x")
        conn = Conn(SimpleNamespace(is_ssl=False), here, ("a", 1), ("b", 2))
        conn.departures = departures
        began = time.monotonic()
        conn.close(graceful)
        assert time.monotonic() - began < LINGER / 2
        assert (here.fileno() >= 0) is graceful
        departures.overdue(math.inf)
        assert here.fileno() == -1
