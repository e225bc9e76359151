"""What cannot be seen in a text: every such character, and none that can."""

import unicodedata

import pytest

from portal.internal.unseen import find_unseen

# Format characters that are drawn: signs of numbers in some scripts, and joins of hieroglyphs.
DRAWN = {
    *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD,
    *range(0x13430, 0x13440),
}  # fmt: skip


def test_every_control_format_and_separator_is_found() -> None:
    kinds = ("Cc", "Cf", "Zl", "Zp")
    missed = [
        hex(point)
        for point in range(0x110000)
        if unicodedata.category(chr(point)) in kinds
        and point not in DRAWN
        and find_unseen(chr(point)) is None
    ]
    assert missed == []


@pytest.mark.parametrize(
    "text", ["a b", "é", "任務", "\U0001f469", "عربي", "~", "\u0600"], ids=ascii
)
def test_what_can_be_seen_is_not(text: str) -> None:
    assert find_unseen(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\x00", "U+0000"),
        ("\u3164", "U+3164"),
        ("a\u200d", "U+200D"),
        ("a\ufe0f", "U+FE0F"),
        ("\U000e0041", "U+E0041"),
    ],
    ids=ascii,
)
def test_it_is_told_by_its_number(text: str, told: str) -> None:
    assert find_unseen(text) == told


def test_signs_that_join_may_be_let_through() -> None:
    assert find_unseen("می\u200cخواهم", joins=True) is None
    assert find_unseen("👩\u200d🔬❤\ufe0f", joins=True) is None
    assert find_unseen("a\u200d\u200b", joins=True) == "U+200B"
