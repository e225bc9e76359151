"""The load generator: answers of every form are heard, and who waits is counted as waiting."""

from __future__ import annotations

import socket
import time
from collections import Counter

import pytest

from benchmarks import load
from benchmarks.load import Orders, drive
from benchmarks.requests import hellos
from tests.client.portals import Scripted, Step, says, waits

STALLED = 0.3  # seconds


def stalls(plug: socket.socket) -> bool:
    """Answer after a while."""
    waits(STALLED)(plug)
    return says(201, {})(plug)


def unchanged(plug: socket.socket) -> bool:
    """An answer that has no body, and does not say so."""
    plug.sendall(b"HTTP/1.1 304 Not Modified\r\nHX-PTag: 7.1.20784\r\n\r\n")
    return True


def orders(portal: Scripted, clients: int, count: int, rate: float = 0.0) -> Orders:
    port = int(portal.url.rpartition(":")[2])
    return Orders(port, clients, 60.0, hellos(f"127.0.0.1:{port}", count), rate=rate)


def test_what_is_due_while_the_server_stands_still_has_waited_since_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one connection all requests wait for the first, though none of them is slow itself."""
    monkeypatch.setattr(load, "SETTLING", 0.0)
    steps: list[Step] = [stalls, says(201, {})]
    with Scripted(steps) as portal:
        answers = drive(orders(portal, 1, 6, rate=100.0))
    assert answers.statuses == {201: 6}
    for place, (latency, delay) in enumerate(zip(answers.latencies, answers.delays, strict=True)):
        assert latency >= STALLED - place / 100
        assert delay >= (STALLED - place / 100 if place else 0)


def test_clients_in_turn_wait_for_nobody_but_the_server() -> None:
    with Scripted([stalls, says(201, {})]) as portal:
        answers = drive(orders(portal, 1, 6))
    assert (answers.statuses, answers.delays) == ({201: 6}, [])
    assert answers.latencies[0] >= STALLED


def test_what_is_due_at_first_counts_by_its_status_alone() -> None:
    with Scripted([stalls, says(201, {})]) as portal:
        answers = drive(orders(portal, 4, 60, rate=100.0))
    assert answers.statuses == {201: 60}
    assert len(answers.latencies) == len(answers.delays) == 60 - 100 * load.SETTLING


def test_requests_are_not_sent_before_they_are_due() -> None:
    with Scripted([says(200, {})]) as portal:
        begun = time.perf_counter()
        answers = drive(orders(portal, 4, 21, rate=100.0))
        passed = time.perf_counter() - begun
    assert answers.statuses == {200: 21}
    assert passed >= 0.2
    assert all(delay >= 0 for delay in answers.delays)


def test_an_answer_without_a_body_is_whole_at_its_head() -> None:
    with Scripted([unchanged, unchanged, says(200, {})]) as portal:
        answers = drive(orders(portal, 1, 4))
    assert answers.statuses == Counter({304: 2, 200: 2})
