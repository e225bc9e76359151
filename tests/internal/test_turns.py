"""Turns: one at a time, a few who wait, and a word at once for those who come too many."""

from __future__ import annotations

import threading
import time

import pytest

from portal.internal.turns import Turns
from portal.ledger import StorageUnavailableError

SOON = 5


class Crowd:
    """Threads that each take a turn, and keep it until they are let go."""

    def __init__(self, turns: Turns, count: int) -> None:
        self.turns = turns
        self.go = threading.Event()
        self.inside = self.most = self.sent_away = 0
        self.threads = [threading.Thread(target=self.take) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def take(self) -> None:
        try:
            with self.turns.turn():
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.go.wait(SOON)
                self.inside -= 1
        except StorageUnavailableError:
            self.sent_away += 1

    def end(self) -> None:
        self.go.set()
        for thread in self.threads:
            thread.join(SOON)


def test_turns_are_taken_one_by_one_and_those_who_are_too_many_are_told_at_once() -> None:
    crowd = Crowd(Turns(waiting_max=3), 10)
    until = time.monotonic() + SOON
    while crowd.sent_away < 6 and time.monotonic() < until:
        time.sleep(0.01)
    assert (crowd.inside, crowd.sent_away) == (1, 6)
    crowd.end()
    assert (crowd.most, crowd.sent_away) == (1, 6)


def test_nobody_waits_for_ever() -> None:
    turns = Turns(patience=0.05)
    crowd = Crowd(turns, 1)
    while not crowd.inside:
        time.sleep(0.01)
    with pytest.raises(StorageUnavailableError), turns.turn():
        pass
    crowd.end()


def test_a_turn_ends_however_it_ends() -> None:
    turns = Turns(waiting_max=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="mine"), turns.turn():
            raise ValueError("mine")
