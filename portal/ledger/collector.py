"""The garbage collector, kept away from work that makes many rows and no cycle among them."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# So many new values may be there while some always follow others; then cycles are looked for once.
CROWD: Final = 250_000


class Absence:
    """How many keep the collector away, and whether it comes back after the last of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.returns = False


ABSENCE = Absence()


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave what falls to be freed as it falls; nobody looks for cycles meanwhile.

    To look for them all the while takes a tenth of a large batch, and a fifth of an audit.
    """
    with ABSENCE.lock:
        if not ABSENCE.count:
            ABSENCE.returns = gc.isenabled()
            gc.disable()
        ABSENCE.count += 1
    try:
        yield
    finally:
        with ABSENCE.lock:
            ABSENCE.count -= 1
            if not ABSENCE.count and ABSENCE.returns:
                gc.enable()
            elif ABSENCE.returns and gc.get_count()[0] > CROWD:
                gc.collect()
