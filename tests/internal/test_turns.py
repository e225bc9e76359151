"""Turns: two at a time, so many places, and a word at once for those who come too many."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from portal.internal.turns import ABREAST, CrowdedError, Turns

SOON = 5


class Crowd:
    """Threads that each take a turn, and keep it until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.go = threading.Event()
        self.inside = self.most = 0
        self.came: Counter[str] = Counter()
        self.sent_away: Counter[str] = Counter()
        self.told = ""
        self.threads: list[threading.Thread] = []

    def come(self, service: str, count: int) -> None:
        """So many of a service come, each once the one before has a place or has none."""
        for _ in range(count):
            before = turns_taken(self.turns)
            thread = threading.Thread(target=self.take, args=(service,))
            self.threads.append(thread)
            thread.start()
            until(lambda: turns_taken(self.turns) > before or not thread.is_alive())  # noqa: B023
        self.came[service] += count

    def take(self, service: str) -> None:
        try:
            with self.turns.place(service), self.turns.turn():
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.go.wait(SOON)
                self.inside -= 1
        except CrowdedError as error:
            self.sent_away[service] += 1
            self.told = str(error)

    @property
    def has(self) -> dict[str, int]:
        """How many places each service got."""
        return {name: self.came[name] - self.sent_away[name] for name in self.came}

    def end(self) -> None:
        self.go.set()
        for thread in self.threads:
            thread.join(SOON)


def turns_taken(turns: Turns) -> int:
    return turns.taken.total()


def until(so: Callable[[], bool]) -> None:
    """Wait for what is soon so."""
    give_up = time.monotonic() + SOON
    while not so() and time.monotonic() < give_up:
        time.sleep(0.001)
    assert so()


@pytest.mark.parametrize("abreast", [1, ABREAST])
def test_so_many_go_abreast_and_those_who_are_too_many_are_told_at_once(abreast: int) -> None:
    crowd = Crowd(Turns(places=4, abreast=abreast))
    for service in "abcdef":
        crowd.come(service, 1)
    until(lambda: crowd.inside == abreast)
    assert crowd.sent_away.total() == 2
    crowd.end()
    assert (crowd.most, crowd.sent_away.total()) == (abreast, 2)


def test_no_service_keeps_another_out() -> None:
    crowd = Crowd(Turns(places=9))
    crowd.come("greedy", 20)
    assert crowd.has == {"greedy": 5}
    assert crowd.told == (
        "This worker has 4 of 9 places for batches left, and this service has 5: nothing was done."
    )
    crowd.come("second", 20)
    crowd.come("third", 20)
    crowd.come("fourth", 1)
    assert crowd.has == {"greedy": 5, "second": 2, "third": 1, "fourth": 1}
    crowd.end()
    assert crowd.most <= ABREAST


def test_a_place_that_is_left_may_be_taken_again() -> None:
    turns = Turns(places=2)
    for _ in range(3):
        with turns.place("mine"), pytest.raises(CrowdedError), turns.place("mine"):
            pass


def test_nobody_waits_for_ever() -> None:
    turns = Turns(patience=0.05)
    crowd = Crowd(turns)
    crowd.come("mine", ABREAST)
    with pytest.raises(CrowdedError, match="took too long"), turns.turn():
        pass
    crowd.end()


def test_who_had_a_turn_keeps_the_place_and_lets_others_have_theirs() -> None:
    turns = Turns(places=2, patience=0.05, abreast=1)
    with turns.place("mine"):
        with turns.turn():
            pass
        with turns.place("other"), turns.turn():
            assert turns.taken == {"mine": 1, "other": 1}


def test_a_turn_ends_however_it_ends() -> None:
    turns = Turns(places=1, patience=0.05, abreast=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="mine"), turns.place("mine"), turns.turn():
            raise ValueError("mine")
    assert not turns.taken
