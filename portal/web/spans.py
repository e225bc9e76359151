"""Spans of whole UTC days a report can cover, by the word in its address."""

from typing import Final, NamedTuple

from portal import ledger, pricing
from portal.web.formats import day_date, long_day, short_day, utc_day

CHOICES: Final = {
    "cycle": "This period",
    "prev": "Last period",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
}
USUAL: Final = "cycle"


class Span(NamedTuple):
    """Days since 1970, both ends included, and the choice they came from."""

    key: str
    first: int
    last: int

    @property
    def days(self) -> range:
        """Every day of the span."""
        return range(self.first, self.last + 1)

    @property
    def title(self) -> str:
        """The span in words: 1–30 Nov 2026, 28 Oct – 27 Nov 2026."""
        first, last = day_date(self.first), day_date(self.last)
        if first == last:
            return long_day(last)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{long_day(last)}"
        head = short_day(first) if first.year == last.year else long_day(first)
        return f"{head} – {long_day(last)}"


def span_of(word: str, account: ledger.Account, now: int) -> Span:
    """The span a word stands for; an unknown word is the usual one."""
    today = utc_day(now)
    if word in ("7d", "30d", "90d"):
        return Span(word, today - int(word.removesuffix("d")) + 1, today)
    if word == "prev":
        index = pricing.period_index(account.anchor_at, account.period_start)
        start = pricing.boundary(account.anchor_at, index - 1)
        return Span(word, utc_day(start), utc_day(account.period_start - 1))
    # A period's days are shown to its end, so that its pace can be seen from its first day on.
    return Span(USUAL, utc_day(account.period_start), utc_day(account.period_end - 1))
