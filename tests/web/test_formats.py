"""How numbers, shares and instants are written for people."""

from datetime import date
from decimal import Decimal
from itertools import product
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
    ("parts", "said"),
    [
        ([], []), ([0], ["0 %"]), ([0, 0, 0], ["0 %"] * 3), ([7], ["100 %"]),
        ([7, 0], ["100 %", "0 %"]), ([955, 45], ["95.5 %", "4.5 %"]),
        ([2, 1], ["67 %", "33 %"]), ([1, 1, 1], ["34 %", "33 %", "33 %"]),
        ([1] * 6, ["17 %"] * 4 + ["16 %"] * 2), ([355, 345, 300], ["36 %", "34 %", "30 %"]),
        ([9, 1], ["90 %", "10 %"]), ([91, 9], ["91.0 %", "9.0 %"]),
        ([9999, 1], [">99.9 %", "<0.1 %"]), ([9994, 6], ["99.9 %", "0.1 %"]),
        ([9995, 5], [">99.9 %", "<0.1 %"]), ([10**15, 1, 0], [">99.9 %", "<0.1 %", "0 %"]),
        ([-5, 5], ["0 %", "100 %"]),
    ],
)  # fmt: skip
def test_shares_have_a_decimal_where_one_is_under_ten_per_cent(
    parts: list[int], said: list[str]
) -> None:
    assert list(formats.shares(parts)) == said


def percent(said: str) -> Decimal:
    """The number of a share; a trace counts nothing."""
    return Decimal("0" if said.startswith("<") else said.removesuffix(" %"))


def test_shares_add_up_to_a_hundred_in_their_order_and_each_is_next_to_its_own() -> None:
    several = [
        *product((0, 1, 2, 3, 7, 50, 333), repeat=4),
        (1,) * 999,
        (1,) * 1500,
        (5000, *[1] * 400),
    ]
    for parts in several:
        said = [percent(share) for share in formats.shares(parts)]
        whole = sum(parts)
        assert sum(said) == (100 if whole else 0), parts
        unit = 1 if all(share == int(share) for share in said) else Decimal("0.1")
        ranked = sorted(zip(parts, said, strict=True))
        assert [share for _, share in ranked] == sorted(said), parts
        for part, share in ranked:
            assert abs(share * whole - part * 100) < unit * max(whole, 1), parts


def test_of_equal_shares_the_first_gets_what_is_left() -> None:
    assert formats.shares([1] * 7) == ("15 %", "15 %", *["14 %"] * 5)
    assert formats.shares([1] * 1500) == ("0.1 %",) * 1000 + ("<0.1 %",) * 500


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
    assert ">22 Nov 13:52 UTC<" in formats.stated(NOW, UTC, NOW)


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
