"""The pieces of a job add up to its units, however the text was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portal.pricing.text import count_characters
from portal.studio.jobs import PIECES, pieces_of
from tests.studio.conftest import WISH

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(TEXTS | some.sampled_from(["e\u0301" * 9, "a\r\nb\r\n", "\u1112\u1161\u11ab" * 5]))
def test_a_text_is_counted_the_same_in_pieces(text: str) -> None:
    pieces = pieces_of(WISH._replace(text=text))
    assert sum(piece.units for piece in pieces) == count_characters(text)
    assert 1 <= len(pieces) <= PIECES


@pytest.mark.parametrize("operation", ["clone", "design"])
def test_others_have_a_piece_for_each(operation: str) -> None:
    pieces = pieces_of(WISH._replace(operation=operation, text="", quantity=3))
    assert [piece.units for piece in pieces] == [1, 1, 1]
