"""Period boundaries against a calendar counted by hand: no datetime in the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import PeriodError, boundary, period_index, prorated

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON_AND_A_BIT = 43_200 * SECOND + 1
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def length(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else MONTHS[month - 1]


def at(year: int, month: int, day: int, rest: int = 0) -> int:
    """UTC µs of a day plus a rest, by adding up the lengths of years and months since 1970."""
    days = sum(366 if is_leap(one) else 365 for one in range(1970, year))
    days += sum(length(year, one) for one in range(1, month)) + day - 1
    return days * DAY + rest


def expected(year: int, month: int, day: int, n: int) -> int:
    """The n-th boundary, by stepping one month at a time from the anchor's own day."""
    for _ in range(n):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return at(year, month, min(day, length(year, month)), NOON_AND_A_BIT)


ANCHORS = [
    (2024, month, day) for month in range(1, 13) for day in range(1, length(2024, month) + 1)
]


def test_every_anchor_of_a_leap_year_over_48_months() -> None:
    assert len(ANCHORS) == 366
    for year, month, day in ANCHORS:
        anchor = at(year, month, day, NOON_AND_A_BIT)
        for n in range(49):
            start = expected(year, month, day, n)
            assert boundary(anchor, n) == start, (year, month, day, n)
            assert period_index(anchor, start) == n
            assert period_index(anchor, start - 1) == n - 1


def test_a_short_month_never_shortens_the_next_one() -> None:
    anchor = at(2026, 1, 31)
    starts = [boundary(anchor, n) for n in range(4)]
    assert starts == [at(2026, 1, 31), at(2026, 2, 28), at(2026, 3, 31), at(2026, 4, 30)]


def test_the_29th_of_february_is_kept_for_leap_years() -> None:
    anchor = at(2024, 2, 29)
    starts = [boundary(anchor, n) for n in (12, 24, 36, 48)]
    assert starts == [at(2025, 2, 28), at(2026, 2, 28), at(2027, 2, 28), at(2028, 2, 29)]


def test_periods_before_the_anchor_are_negative() -> None:
    anchor = at(2026, 3, 31)
    assert boundary(anchor, -1) == at(2026, 2, 28)
    assert boundary(anchor, -13) == at(2025, 2, 28)
    assert period_index(anchor, anchor - 1) == -1
    assert period_index(anchor, at(2026, 2, 28) - 1) == -2


def test_times_before_1970_are_times_too() -> None:
    assert boundary(-1, 1) == 31 * DAY - 1
    assert boundary(0, -1) == -31 * DAY
    assert period_index(0, -1) == -1


INSTANTS = st.integers(at(1970, 1, 1), at(2200, 1, 1))


@given(INSTANTS, INSTANTS)
def test_every_instant_lies_in_exactly_its_period(anchor: int, moment: int) -> None:
    n = period_index(anchor, moment)
    assert boundary(anchor, n) <= moment < boundary(anchor, n + 1)


@given(INSTANTS, st.integers(-500, 500))
def test_boundaries_ascend_and_keep_the_time_of_day(anchor: int, n: int) -> None:
    gap = boundary(anchor, n + 1) - boundary(anchor, n)
    assert 28 * DAY <= gap <= 31 * DAY
    assert gap % DAY == 0
    assert boundary(anchor, 0) == anchor


@pytest.mark.parametrize("n", [95_688, -24_312, 10**9])
def test_it_refuses_a_boundary_outside_the_calendar(n: int) -> None:
    with pytest.raises(PeriodError, match=f"period {n} "):
        boundary(at(2026, 1, 1), n)


def test_the_calendar_ends_with_the_year_9999() -> None:
    assert boundary(at(2026, 1, 1), 95_687) == at(9999, 12, 1)


@pytest.mark.parametrize("instant", [10**18, -(10**18), 10**30])
def test_it_refuses_an_instant_outside_the_calendar(instant: int) -> None:
    with pytest.raises(PeriodError, match="outside the years 1 to 9999"):
        boundary(instant, 0)
    with pytest.raises(PeriodError):
        period_index(0, instant)


@pytest.mark.parametrize(
    ("left", "credits"),
    [(0, 0), (1, 0), (15 * DAY, 35_000), (10 * DAY, 23_333), (30 * DAY - 1, 69_999)],
)
def test_an_upgrade_grants_the_share_of_the_period_left(left: int, credits: int) -> None:
    assert prorated(30_000, 100_000, left, 30 * DAY) == credits


def test_at_the_start_of_a_period_the_whole_difference_is_due() -> None:
    assert prorated(30_000, 100_000, 31 * DAY, 31 * DAY) == 70_000


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 31 * DAY), st.data())
def test_a_share_is_rounded_down_and_never_exceeds_the_difference(
    old: int, new: int, period: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, period))
    share = prorated(old, new, left, period)
    assert share * period <= (new - old) * left < (share + 1) * period
    assert min(0, new - old) <= share <= max(0, new - old)


@pytest.mark.parametrize(("left", "period"), [(-1, 5), (6, 5), (0, 0), (0, -1)])
def test_it_refuses_more_time_left_than_the_period_has(left: int, period: int) -> None:
    with pytest.raises(PeriodError, match=f"{left} µs left of a period of {period} µs"):
        prorated(1, 2, left, period)
