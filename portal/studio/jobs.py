"""A job as a customer asks for it, and the pieces it is made in."""

import unicodedata
from itertools import pairwise
from typing import Final, NamedTuple

OPERATIONS: Final = {
    "generate": "Generate speech",
    "generate.fast": "Generate speech, fast model",
    "design": "Design a voice preview",
    "clone": "Clone a voice",
}
SPOKEN: Final = ("generate", "generate.fast")
TEXT_MAX: Final = 2_000
QUANTITY_MAX: Final = 10
PIECES: Final = 4  # that a text is spoken in

# waiting: nothing was asked of the portal yet, or nobody knows what. working: credits are held.
# undecided: nobody knows how it ended. lost: whoever was at it is gone.


class Wish(NamedTuple):
    """What is asked for. key: the form it came by; quantity: voices or previews, else 0."""

    key: str
    account: str
    operation: str
    text: str
    quantity: int
    ending: str


class Job(NamedTuple):
    """A wish and what became of it; texts are empty, and numbers 0, where there is nothing yet.

    quote, hold: ids at the portal. sent: how often the form came; replays: how often the portal
    gave its first answer again. said: about the work; note: about the credits.
    """

    id: str
    wish: Wish
    stage: str
    quote: str
    quoted: int
    hold: str
    sent: int
    replays: int
    said: str
    note: str

    @property
    def units(self) -> int:
        """How much is asked for, as the portal counts it."""
        return sum(piece.units for piece in pieces_of(self.wish))


class Piece(NamedTuple):
    """A part of a job that can be kept by itself, and its share of the units."""

    words: str
    units: int


def pieces_of(wish: Wish) -> list[Piece]:
    """The pieces of a job in order; their units are those of the whole, however it was typed."""
    if wish.operation not in SPOKEN:
        return [Piece(f"{wish.operation} {number}", 1) for number in range(1, wish.quantity + 1)]
    text = unicodedata.normalize("NFC", wish.text).replace("\r\n", "\n")
    length = max(1, -(-len(text) // PIECES))
    ends = [_end(text, at, length) for at in range(length, len(text), length)]
    parts = [text[start:end] for start, end in pairwise([0, *ends, len(text)])]
    return [Piece(part, len(part)) for part in parts if part]


def _end(text: str, at: int, length: int) -> int:
    """Where a piece ends: between two words less than half a piece away, or else exactly there."""
    for away in range((length + 1) // 2):
        for end in (at - away, at + away):
            if end < len(text) and (text[end - 1].isspace() or text[end].isspace()):
                return end
    return at
