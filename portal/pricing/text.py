"""Length of a spoken text, the same on server, client library and pages (ledger.md §10)."""

from __future__ import annotations

import unicodedata

from portal.pricing.errors import SurrogateError

COUNTER = "nfc-lf-1"


def count_characters(text: str) -> int:
    """Code points of the whole text after NFC and CRLF→LF; the rule is named by COUNTER.

    An accented letter is one however it was typed, a family emoji is five. Raises
    SurrogateError for half a surrogate pair: it cannot have come from valid UTF-8.
    """
    if not text.isascii():
        _refuse_surrogates(text)
        text = unicodedata.normalize("NFC", text)
    return len(text) - text.count("\r\n")


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SurrogateError(error.start) from None
