"""How numbers, shares and instants are written for people."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from portal.web import formats
from tests.web.desk import DAY, HOUR, NOW, SECOND

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("amount", "plain", "signed"),
    [
        (0, "0", "0"),
        (7, "7", "+7"),
        (1204, "1,204", "+1,204"),
        (-1204, "\u22121,204", "\u22121,204"),
        (10**15, "1,000,000,000,000,000", "+1,000,000,000,000,000"),
    ],
)
def test_numbers_are_grouped_and_have_a_true_minus(amount: int, plain: str, signed: str) -> None:
    assert formats.credits(amount) == plain
    assert formats.signed(amount) == signed


def test_a_noun_follows_its_number() -> None:
    assert formats.counted(1, "job") == "1 job"
    assert formats.counted(0, "job") == "0 jobs"
    assert formats.counted(1204, "entry", "entries") == "1,204 entries"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 10, "0 %"), (5, 0, "0 %"), (-1, 10, "0 %"), (1, 10_000, "<0.1 %"),
        (1, 1000, "0.1 %"), (99, 1000, "9.9 %"), (1, 10, "10 %"), (1, 3, "33 %"), (7, 7, "100 %"),
        (2, 3, "67 %"), (178, 100_000, "0.2 %"), (999, 10_000, "10 %"),
    ],
)  # fmt: skip
def test_shares_have_a_decimal_under_ten_per_cent_alone(part: int, whole: int, said: str) -> None:
    assert formats.share(part, whole) == said


def test_an_instant_is_told_in_the_zone_with_utc_beside() -> None:
    assert str(formats.brief(NOW, BERLIN, NOW)) == (
        '<time datetime="2026-11-22T13:52:00.250000Z" title="2026-11-22T13:52:00.250000Z">'
        "22 Nov 14:52</time>"
    )
    assert ">22 Nov 2026, 14:52:00 CET<" in formats.full(NOW, BERLIN)
    assert ">22 Nov 2025 13:52<" in formats.brief(NOW - 365 * DAY, UTC, NOW)
    assert formats.day_words(NOW, UTC) == "22 Nov 2026 13:52 UTC"


def test_what_never_lapses_is_said_so() -> None:
    assert formats.lapse(None, UTC, NOW) == "never"
    assert formats.lapse(NOW, UTC, NOW) == formats.brief(NOW, UTC, NOW)


def test_an_unknown_zone_is_utc_rather_than_an_error() -> None:
    for name in ("Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "Europe", "\x00"):
        assert formats.zone_of(name) == UTC
    assert formats.zone_of("Europe/Berlin") == BERLIN
    assert formats.zone_name(NOW, BERLIN) == "CET"


def test_a_day_begins_at_midnight_of_its_zone_also_when_clocks_change() -> None:
    changed = date(2026, 10, 25)
    start = formats.instant(changed, BERLIN)
    assert formats.iso(start) == "2026-10-24T22:00:00.000000Z"
    assert formats.instant(date(2026, 10, 26), BERLIN) - start == 25 * HOUR


def test_days_since_1970_and_dates_are_each_others_inverse() -> None:
    day = formats.utc_day(NOW)
    assert formats.day_date(day) == date(2026, 11, 22)
    assert formats.day_number(date(2026, 11, 22)) == day
    assert formats.utc_day(-1) == -1


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "less than a minute"), (59 * SECOND, "less than a minute"), (60 * SECOND, "1 minute"),
        (119 * 60 * SECOND, "119 minutes"), (2 * HOUR, "2 hours"), (2 * DAY - 1, "47 hours"),
        (8 * DAY, "8 days"), (-5, "less than a minute"),
    ],
)  # fmt: skip
def test_how_long_is_told_in_one_unit(length: int, said: str) -> None:
    assert formats.span(length) == said


def test_a_long_id_loses_its_middle_and_a_short_one_nothing() -> None:
    assert formats.middle("a" * 24) == "a" * 24
    shown = formats.middle("start-0123456789012345678901234-end")
    assert (len(shown), shown[:5], shown[-3:]) == (24, "start", "end")
