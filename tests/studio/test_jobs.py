"""The pieces of a job add up to its units, however the text was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portal.pricing.text import count_characters
from portal.studio.jobs import PIECES, pieces_of
from tests.studio.conftest import WISH

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


ODD = ["e\u0301" * 9, "a\r\nb\r\n", "\r\r\n" + "a" * 9, "\u1112\u1161\u11ab" * 5, " " * 9]


@given(TEXTS | some.sampled_from(ODD))
def test_a_text_is_counted_the_same_in_pieces(text: str) -> None:
    pieces = pieces_of(WISH._replace(text=text))
    assert sum(piece.units for piece in pieces) == count_characters(text)
    assert 1 <= len(pieces) <= PIECES
    assert all(piece.units for piece in pieces)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The keeper counted the ships.", ["The keeper", " counted", " the ", "ships."]),
        ("It goes on,\nand on, and on.", ["It goes", " on,\nand", " on, ", "and on."]),
        ("a" * 40, ["a" * 10] * 4),
        ("Da capo " + "o" * 32, ["Da capo ", "o" * 12, "o" * 10, "o" * 10]),
        ("\u5c71\u5ddd" * 4, ["\u5c71\u5ddd"] * 4),
    ],
)
def test_a_piece_ends_with_a_word_where_one_ends_nearby(text: str, words: list[str]) -> None:
    pieces = pieces_of(WISH._replace(text=text))
    assert [piece.words for piece in pieces] == words


@pytest.mark.parametrize("operation", ["clone", "design"])
def test_others_have_a_piece_for_each(operation: str) -> None:
    pieces = pieces_of(WISH._replace(operation=operation, text="", quantity=3))
    assert [piece.units for piece in pieces] == [1, 1, 1]
