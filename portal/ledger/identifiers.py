"""Public identifiers: prefixed, sortable by time, opaque; randomness comes from outside."""

from collections.abc import Callable
from typing import Final

RANDOM_BYTES: Final = 10


class Ids:
    """A source of identifiers over a source of random bytes (`os.urandom`, or a seeded one)."""

    __slots__ = ("_random",)

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random

    def new(self, prefix: str, now: int) -> str:
        """A fresh id such as `ent_01930c…`: 48 bits of milliseconds, then 80 random bits."""
        return f"{prefix}_{now // 1000:012x}{self._random(RANDOM_BYTES).hex()}"
