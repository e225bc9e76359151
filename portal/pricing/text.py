"""Length of a spoken text, the same on server, client library and pages (ledger.md §10)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from portal.pricing.errors import SurrogateError

COUNTER = "nfc-lf-1"

# unicodedata.normalize sorts a run of combining marks by insertion: 400,000 marks in a form
# field would cost minutes. Runs of this length are sorted beforehand; sorted runs are quick.
RUN = 64


def count_characters(text: str) -> int:
    """Code points of the whole text after NFC and CRLF→LF; the rule is named by COUNTER.

    An accented letter is one however it was typed, a family emoji is five. Takes linear time.
    Raises SurrogateError for half a surrogate pair: it cannot have come from valid UTF-8.
    """
    if not text.isascii():
        _refuse_surrogates(text)
        text = unicodedata.normalize("NFC", _with_runs_sorted(text))
    return len(text) - text.count("\r\n")


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SurrogateError(error.start) from None


def _with_runs_sorted(text: str) -> str:
    # A run of RUN marks covers every RUN-th position once, so looking at those finds them all.
    if len(text) < RUN:
        return text
    marks, runs = _marks()
    if marks.isdisjoint(text[::RUN]):
        return text
    return runs.sub(lambda run: _canonical(run[0]), text)


def _canonical(run: str) -> str:
    decomposed = "".join(unicodedata.normalize("NFD", mark) for mark in run)
    return "".join(sorted(decomposed, key=unicodedata.combining))


@cache
def _marks() -> tuple[frozenset[str], re.Pattern[str]]:
    """Every character that decomposes into combining marks alone, and the pattern of a run."""
    planes = map(chr, range(0x300, 0x20000))
    marks = "".join(mark for mark in planes if _opens_with_mark(mark))
    return frozenset(marks), re.compile(f"[{marks}]{{{RUN},}}")


def _opens_with_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) != 0
