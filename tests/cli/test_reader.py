"""What a thread reads of a connection: at once what is there, and the rest for so long only."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from portal.cli import reader
from portal.cli.reader import Reader

BRIEF = 0.1


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A sender's end, and the end that is read; he has a tenth of a second."""
    monkeypatch.setattr(reader, "READING_SECONDS", BRIEF)
    there, here = socket.socketpair()
    with closing(there), closing(here):
        yield there, here


def test_who_says_nothing_more_is_waited_for_so_long_only(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    there, here = pair
    made = Reader(here)
    there.sendall(b"ab")
    assert made.read(2) == b"ab"
    began = time.monotonic()
    assert made.chunk() == b""
    assert time.monotonic() - began < 10 * BRIEF
    assert made.late is not None
    assert BRIEF <= made.late < 10 * BRIEF
    there.sendall(b"more")
    assert made.chunk() == b""  # where another request begins nobody could tell
    here.sendall(b"an answer")
    assert there.recv(9) == b"an answer"


def test_what_came_in_time_is_read_however_late(pair: tuple[socket.socket, socket.socket]) -> None:
    there, here = pair
    made = Reader(here)
    there.sendall(b"abc")
    time.sleep(2 * BRIEF)
    assert made.read(2) == b"ab"
    assert made.late is None
    assert made.read(2) == b"c"
    assert made.late is not None


def test_who_goes_on_sending_has_more_time_but_not_for_ever(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "READING_PACE", 10 / BRIEF)  # bytes in a second
    monkeypatch.setattr(reader, "READING_MAX", 3 * BRIEF)
    there, here = pair
    for sent, late in ((b"", 1), (b"12345", 1.5), (b"1" * 15, 2.5), (b"1" * 100, 3)):
        made = Reader(here)
        there.sendall(sent)
        assert made.read(200) == sent
        assert made.late is not None
        assert late * BRIEF <= made.late < late * BRIEF + 5 * BRIEF


def test_time_runs_anew_for_each_request(pair: tuple[socket.socket, socket.socket]) -> None:
    there, here = pair
    made = Reader(here)
    time.sleep(2 * BRIEF)
    made.begin()
    there.close()
    assert made.chunk() == b""
    assert made.late is None  # he was not late: he has gone


def test_a_request_hears_that_its_sender_was_late(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    told: list[str] = []
    request: Any = SimpleNamespace(body=SimpleNamespace(), force_close=lambda: told.append("close"))
    made = Reader(pair[1])
    made.request = request
    assert made.chunk() == b""
    assert (request.body.late, told) == (made.late, ["close"])
    made.begin()
    assert made.request is None


@pytest.mark.parametrize("own", [BRIEF / 10, 60])
def test_whoever_waits_by_a_time_of_his_own_hears_of_it_and_waits_no_longer_than_others(
    pair: tuple[socket.socket, socket.socket], own: float
) -> None:
    made = Reader(pair[1])
    pair[1].settimeout(own)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        made.chunk()
    assert time.monotonic() - began < 10 * BRIEF
    assert (made.late, pair[1].gettimeout()) == (None, own)
