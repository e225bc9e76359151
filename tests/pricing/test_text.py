"""Text length: the examples of the rule, and Unicode itself as the oracle."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import COUNTER, PricingError, SurrogateError, count_characters
from portal.pricing.text import RUN

FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
MARKS = st.sampled_from("\u0301\u0316\u0327\u0344\u0f73\u0f75\u05b0\u3099\u0345")


def plainly(text: str) -> int:
    return len(unicodedata.normalize("NFC", text).replace("\r\n", "\n"))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("\u00e9", 1),
        ("e\u0301", 1),
        ("\u212b", 1),
        ("漢字", 2),
        (FAMILY, 5),
        ("\N{GRINNING FACE}", 1),
        ("한글", 2),
        ("\u1112\u1161\u11ab", 1),
        ("a\r\nb", 3),
        ("a\nb", 3),
        ("a\rb", 3),
        ("\r\r\n\n", 3),
        ("é\r\n", 2),
        (" \t ", 3),
        ("\u0344", 2),
        ("\u0958", 2),
    ],
)
def test_the_examples(text: str, length: int) -> None:
    assert count_characters(text) == length


def test_the_rule_has_a_name_that_is_stored_with_units() -> None:
    assert COUNTER == "nfc-lf-1"


@pytest.mark.parametrize(
    ("text", "position"), [("\ud83d", 0), ("ab\udc00", 2), ("é\ud800\udc00", 1)]
)
def test_it_refuses_half_a_surrogate_pair(text: str, position: int) -> None:
    with pytest.raises(SurrogateError, match=f"at code point {position}") as refusal:
        count_characters(text)
    assert refusal.value.position == position
    assert isinstance(refusal.value, PricingError)


@given(st.text() | st.text(st.sampled_from("e\u0301\r\né한\u1112\u1161\u11ab")))
def test_it_counts_what_unicode_normalises(text: str) -> None:
    assert count_characters(text) == plainly(text)


@given(st.text())
def test_composed_and_decomposed_text_count_the_same(text: str) -> None:
    forms = {count_characters(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1


@given(st.text("ae\u1100é", max_size=70), st.lists(MARKS, max_size=3 * RUN), st.text(max_size=9))
def test_long_runs_of_marks_count_the_same(before: str, marks: list[str], after: str) -> None:
    text = before + "".join(marks) * 2 + after
    assert count_characters(text) == plainly(text)


def test_a_long_text_counts_the_same_with_and_without_marks() -> None:
    assert count_characters("漢é" * RUN) == 2 * RUN
    assert count_characters("x" + "\u0301\u0316" * RUN) == 1 + 2 * RUN
    assert count_characters("e" + "\u0316\u0301" * RUN) == 2 * RUN  # one composes with the e


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0f73", "\u0344\u0327"])
def test_a_form_full_of_marks_takes_no_time(marks: str) -> None:
    started = time.process_time()
    assert count_characters("x" + marks * 100_000) >= 100_000
    assert time.process_time() - started < 5  # sorted by insertion it takes half a minute


def test_every_mark_unicode_knows_is_found_in_a_run() -> None:
    from portal.pricing.text import _marks

    known, _ = _marks()
    for code in range(sys.maxunicode + 1):
        decomposed = unicodedata.normalize("NFD", chr(code))
        assert (chr(code) in known) == (unicodedata.combining(decomposed[0]) != 0), hex(code)
