"""Monthly periods in UTC, counted from an account's anchor (ledger.md §8). Times are UTC µs."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

from portal.pricing.errors import PeriodError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def boundary(anchor: int, n: int) -> int:
    """Start of period n (UTC µs): anchor + n months, clamped from the anchor's own day.

    31 January, 28 February, 31 March: a short month never shortens the next one. n may be
    negative. Raises PeriodError outside the years 1 to 9999.
    """
    start = _moment(anchor)
    year, month = divmod(start.year * 12 + start.month - 1 + n, 12)
    if not 1 <= year <= 9999:
        raise PeriodError(f"period {n} of anchor {anchor} µs lies outside the years 1 to 9999")
    day = min(start.day, monthrange(year, month + 1)[1])
    return microseconds(start.replace(year=year, month=month + 1, day=day))


def period_index(anchor: int, at: int) -> int:
    """The period that holds `at`: the largest n with boundary(anchor, n) <= at.

    Negative before the anchor. Raises PeriodError outside the years 1 to 9999.
    """
    start, moment = _moment(anchor), _moment(at)
    # Period n starts within the n-th month after the anchor's, so only one boundary can differ.
    n = (moment.year - start.year) * 12 + moment.month - start.month
    return n if boundary(anchor, n) <= at else n - 1


def prorated(old_allocation: int, new_allocation: int, left: int, period: int) -> int:
    """Credits due on a change of plan with `left` of `period` µs to go: floor of the share.

    floor((new - old) · left / period); negative when the new allocation is smaller.
    Raises PeriodError unless 0 <= left <= period and period > 0. Rule: ledger.md §8.
    """
    if period <= 0 or not 0 <= left <= period:
        raise PeriodError(f"{left} µs left of a period of {period} µs")
    return (new_allocation - old_allocation) * left // period


def microseconds(moment: datetime) -> int:
    """An aware datetime as whole UTC µs since 1970."""
    return (moment - EPOCH) // MICROSECOND


def _moment(at: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=at)
    except OverflowError:
        raise PeriodError(f"{at} µs lies outside the years 1 to 9999") from None
