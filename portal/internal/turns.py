"""Turns of a worker: batches go one by one, and only so many wait.

Each keeps an interpreter busy and thousands of values in memory. Many at once would be no faster,
and people and single requests would wait for all of them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from portal.ledger import StorageUnavailableError

WAITING_MAX: Final = 8
PATIENCE_SECONDS: Final = 20.0


class Turns:
    """Who comes in takes a turn after those before; more than a few are sent away at once."""

    def __init__(self, waiting_max: int = WAITING_MAX, patience: float = PATIENCE_SECONDS) -> None:
        self._places = threading.BoundedSemaphore(1 + waiting_max)
        self._turn = threading.Lock()
        self._patience = patience

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn. Raises StorageUnavailableError where too many wait, or it takes too long."""
        if not self._places.acquire(blocking=False):
            raise StorageUnavailableError
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise StorageUnavailableError
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()
