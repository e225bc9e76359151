"""Spans of days behind the words in the usage page's address."""

from datetime import date

import pytest

from portal import ledger
from portal.web.formats import day_date, day_number, utc_day
from portal.web.spans import Span, span_of
from tests.web.desk import DAY, HOUR, MONTH_START, NOW


def account(start: int = MONTH_START, end: int = MONTH_START + 30 * DAY) -> ledger.Account:
    values = dict.fromkeys(ledger.Account._fields, 0) | {
        "anchor_at": start,
        "period_start": start,
        "period_end": end,
    }
    return ledger.Account(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("cycle", date(2026, 11, 1), date(2026, 11, 30)),
        ("", date(2026, 11, 1), date(2026, 11, 30)),
        ("'; DROP TABLE", date(2026, 11, 1), date(2026, 11, 30)),
        ("prev", date(2026, 10, 1), date(2026, 10, 31)),
        ("7d", date(2026, 11, 16), date(2026, 11, 22)),
        ("30d", date(2026, 10, 24), date(2026, 11, 22)),
        ("90d", date(2026, 8, 25), date(2026, 11, 22)),
    ],
)
def test_a_word_stands_for_its_days(word: str, first: date, last: date) -> None:
    span = span_of(word, account(), NOW)
    assert (day_date(span.first), day_date(span.last)) == (first, last)
    assert len(span.days) == (last - first).days + 1


def test_a_period_that_begins_at_noon_shows_both_of_its_broken_days() -> None:
    noon = account(MONTH_START + 12 * HOUR, MONTH_START + 30 * DAY + 12 * HOUR)
    span = span_of("cycle", noon, NOW)
    assert (day_date(span.first), day_date(span.last)) == (date(2026, 11, 1), date(2026, 12, 1))


@pytest.mark.parametrize(
    ("first", "last", "title"),
    [
        (date(2026, 11, 22), date(2026, 11, 22), "22 Nov 2026"),
        (date(2026, 11, 1), date(2026, 11, 30), "1–30 Nov 2026"),
        (date(2026, 10, 28), date(2026, 11, 27), "28 Oct – 27 Nov 2026"),
        (date(2025, 12, 28), date(2026, 1, 27), "28 Dec 2025 – 27 Jan 2026"),
    ],
)
def test_a_span_says_its_days_as_shortly_as_it_can(first: date, last: date, title: str) -> None:
    assert Span("x", day_number(first), day_number(last)).title == title


def test_today_is_a_day_in_utc() -> None:
    assert span_of("7d", account(), NOW).last == utc_day(NOW)
