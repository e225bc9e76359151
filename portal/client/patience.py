"""How often and for how long a request is repeated; it knows nothing of requests."""

import secrets
from typing import Any, Final, NamedTuple

from portal.client import arguments
from portal.client.errors import ArgumentError

_LOTS: Final = secrets.SystemRandom()


class Patience(NamedTuple):
    """Tries and waits of one request, in seconds.

    tries: at most; deadline: over all tries and waits; answer: for each try. Waits are drawn from
    0 to `first`, doubled with each try up to `longest` (full jitter): what failed together does
    not come back together.
    """

    tries: int = 6
    deadline: float = 30.0
    answer: float = 10.0
    first: float = 0.1
    longest: float = 10.0

    def wait(self, tried: int, asked: float | None = None) -> float:
        """Seconds before the next try. tried: so far; asked: what Retry-After said."""
        most = min(self.longest, self.first * 2.0 ** min(tried, 64))
        return (asked or 0.0) + _LOTS.uniform(0.0, most)


def checked(patience: Any) -> Patience:
    """A patience whose numbers are numbers. Raises ArgumentError."""
    if not isinstance(patience, Patience):
        arguments.refuse("patience", "a Patience", patience)
    arguments.whole("patience.tries", patience.tries)
    if patience.tries < 1:
        raise ArgumentError("patience.tries", "must be 1 or more")
    arguments.deadline("patience.deadline", patience.deadline)
    arguments.deadline("patience.answer", patience.answer)
    arguments.seconds("patience.first", patience.first)
    arguments.seconds("patience.longest", patience.longest)
    return patience
