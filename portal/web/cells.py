"""Entries as lines of CSV (RFC 4180). It reads nothing, and decides no order.

Spreadsheets take a cell that begins with one of a few signs for a formula: an apostrophe stands
before such a sign here. Where a comma is no separator, a spreadsheet splits a line by another sign
and sees no quotes in it: there a cell may begin within a text. Numbers are written as numbers.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from portal import pricing
from portal.web import wording
from portal.web.formats import EPOCH, MICROSECOND

COLUMNS: Final = (
    "id",
    "posted_at",
    "type",
    "operation",
    "units",
    "credits",
    "balance_after",
    "reference",
    "reverses",
    "api_key",
    "description",
)
BOM: Final = b"\xef\xbb\xbf"  # by which Excel knows that a file is in UTF-8
HEAD: Final = (",".join(COLUMNS) + "\r\n").encode()
FORMULA: Final = tuple("=+-@\t\r\n\0＝＋－＠")
WITHIN: Final = re.compile('([;\t\r\n]["\0]*)(?=[-=+@＝＋－＠])')  # where a cell may begin as well
is_plain: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/ -]*").fullmatch
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
SECONDS: Final = tuple(f"{second:02}." for second in range(60))
THOUSANDTHS: Final = tuple(f"{number:03}" for number in range(1000))


def lines(found: Iterable[tuple[Any, ...]], tariffs: pricing.Tariffs) -> bytes:
    """Rows, each with the fields of `ledger.Exported`, as lines.

    All that a row says is put together in one place: a call for each cell would cost more than
    to read the row. What comes again is looked up.
    """
    cells, minutes, words = Cells(), Minutes(), Words(tariffs)
    return "".join(
        [
            f"{key},{minutes[at // MINUTE]}{SECONDS[at // SECOND % 60]}"
            f"{THOUSANDTHS[at // 1000 % 1000]}{THOUSANDTHS[at % 1000]}Z,{kind},{cells[operation]},"
            f"{'' if units is None else units},{amount},{posted},"
            f"{about if about and is_plain(about) else cells[about]},"
            f"{cells[reverses]},{cells[api_key]},{words[kind, reason, operation, tariff, note]}\r\n"
            for (
                key, at, kind, operation, units, amount, posted, about, reverses, api_key,
                reason, tariff, note,
            ) in found
        ]
    ).encode()  # fmt: skip


def cell(text: str | None) -> str:
    """A text as a cell: no formula, and in quotes unless it is plain."""
    if text is None or is_plain(text):
        return text or ""
    safe = WITHIN.sub(r"\1'", f"'{text}" if text.startswith(FORMULA) else text)
    return '"' + safe.replace('"', '""') + '"' if safe else ""


class Cells(dict[str | None, str]):
    """Texts as cells."""

    def __missing__(self, text: str | None) -> str:
        self[text] = made = cell(text)
        return made


class Minutes(dict[int, str]):
    """Minutes since 1970 as the beginning of a time in UTC."""

    def __missing__(self, minute: int) -> str:
        at: datetime = EPOCH + minute * MINUTE * MICROSECOND
        self[minute] = made = f"{at:%Y-%m-%dT%H:%M:}"
        return made


Told = tuple[str, str, str | None, str | None, str | None]


class Words(dict[Told, str]):
    """What happened, as the history page says it, and what was noted beside, as cells."""

    def __init__(self, tariffs: pricing.Tariffs) -> None:
        self._tariffs = tariffs

    def __missing__(self, told: Told) -> str:
        said, note = wording.what(wording.Happened(*told[:4]), self._tariffs), told[4]
        self[told] = made = cell(f"{said}: {note}" if note else said)
        return made
