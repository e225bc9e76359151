"""A thread that does one thing again and again, well before its time is up, until it is stopped."""

import threading
from collections.abc import Callable
from typing import Final

from portal.client.errors import CreditsError, RefusedError

PART: Final = 3  # of a hold's life, how often it is extended
HURRY: Final = 12  # the same, while extending fails


class Heartbeat:
    """Extends a hold from a thread of its own; ends with the process, whatever it is doing."""

    def __init__(self, extend: Callable[[float], object], ttl_seconds: float) -> None:
        """extend: given the seconds it may take. ttl_seconds: what it extends by."""
        self._extend = extend
        self._ttl = ttl_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="credits-heartbeat", daemon=True)
        self.failure: CreditsError | None = None

    def start(self) -> None:
        """Begin; the first beat comes after a third of the hold's life."""
        self._thread.start()

    def stop(self) -> None:
        """End; a beat that is under way may still arrive, and changes nothing by then."""
        self._stopped.set()

    def check(self) -> None:
        """Raise what the last beat was refused with, if it was for good."""
        if isinstance(self.failure, RefusedError) and not self.failure.retryable:
            raise self.failure

    def _beat(self) -> None:
        pause = self._ttl / PART
        while not self._stopped.wait(pause):
            try:
                self._extend(self._ttl / PART)
            except RefusedError as error:
                self.failure = error
                if not error.retryable:
                    return
                pause = self._ttl / HURRY
            except CreditsError as error:
                self.failure = error
                pause = self._ttl / HURRY
            else:
                self.failure = None
                pause = self._ttl / PART
