"""Turns of a worker: batches are read two at a time, and only so many are in hand.

To read one keeps an interpreter busy, and what is read is thousands of values. Many at once would
be no faster, and people and single requests would wait for all of them; but while the database
writes for some, others are read.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ABREAST: Final = 2
PLACES: Final = 18
PATIENCE_SECONDS: Final = 20.0


class CrowdedError(Exception):
    """There is no place, or it was waited in for too long; the message says which."""


class Turns:
    """Who comes in takes a place, and a turn after those before; who comes too many is sent away.

    A service may take a place while more are free than it has: none keeps all others out.
    """

    def __init__(
        self, places: int = PLACES, patience: float = PATIENCE_SECONDS, abreast: int = ABREAST
    ) -> None:
        self.taken: Counter[str] = Counter()  # by service
        self._places, self._patience = places, patience
        self._counting, self._turns = threading.Lock(), threading.BoundedSemaphore(abreast)

    @contextmanager
    def place(self, service: str) -> Iterator[None]:
        """A place. Raises CrowdedError at once where there is none."""
        self._come(service)
        try:
            yield
        finally:
            self._leave(service)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn of who has a place. Raises CrowdedError after 20 seconds."""
        if not self._turns.acquire(timeout=self._patience):
            raise CrowdedError("The batches before this one took too long: nothing was done.")
        try:
            yield
        finally:
            self._turns.release()

    def _come(self, service: str) -> None:
        with self._counting:
            has, left = self.taken[service], self._places - self.taken.total()
            if has < left:
                self.taken[service] += 1
                return
        raise CrowdedError(
            f"This worker has {left} of {self._places} places for batches left,"
            f" and this service has {has}: nothing was done."
        )

    def _leave(self, service: str) -> None:
        with self._counting:
            self.taken -= Counter((service,))  # who has none is forgotten
