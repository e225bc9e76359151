"""How numbers, shares and instants are written for people. It decides nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

MINUS: Final = "\u2212"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY: Final = date(1970, 1, 1)
MICROSECOND: Final = timedelta(microseconds=1)
DAY: Final = 86_400_000_000


def credits(amount: int) -> str:
    """A number with commas: 1,204, and −1,204 with a true minus."""
    return f"{amount:,}".replace("-", MINUS)


def signed(amount: int) -> str:
    """A change with its sign: +1,204, −1,204, 0."""
    return f"+{amount:,}" if amount > 0 else credits(amount)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: 1 entry, 1,204 entries."""
    return f"{credits(number)} {noun if number == 1 else plural or noun + 's'}"


def shares(parts: Sequence[int]) -> tuple[str, ...]:
    """The shares of parts in their sum, in per cent; traces aside, they add up to 100.

    All have one decimal where one is under 10 %, else none; "<0.1 %" is a trace that counts
    nothing, and ">99.9 %" all but traces. Each is rounded down, and what is left goes to those that
    lost most by it (the method of the largest remainder), of equal ones to the greater part, then
    to the first.
    """
    parts = [max(part, 0) for part in parts]
    whole = sum(parts) or 1
    units = 1000 if any(0 < part * 10 < whole for part in parts) else 100
    rounded = [part * units // whole for part in parts]
    left = units - sum(rounded) if any(parts) else 0
    ranked = sorted(range(len(parts)), key=lambda n: (-(parts[n] * units % whole), -parts[n], n))
    for place in ranked[:left]:
        rounded[place] += 1
    return tuple(map(partial(_percent, in_tenths=units == 1000), parts, rounded))


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name, UTC where there is none: a page must not fail for it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(at: int, zone: ZoneInfo) -> datetime:
    """UTC microseconds as a time in a zone."""
    return (EPOCH + at * MICROSECOND).astimezone(zone)


def instant(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day in a zone, as UTC microseconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (start - EPOCH) // MICROSECOND


def utc_day(at: int) -> int:
    """Days since 1970 in UTC."""
    return at // DAY


def day_date(day: int) -> date:
    """A day since 1970 as a date."""
    return FIRST_DAY + timedelta(days=day)


def day_number(day: date) -> int:
    """A date as days since 1970."""
    return (day - FIRST_DAY).days


def short_day(day: date) -> str:
    """A day of this year: 22 Nov."""
    return f"{day.day} {day:%b}"


def long_day(day: date) -> str:
    """A day of any year: 22 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def day_words(at: int, zone: ZoneInfo) -> str:
    """An instant in a sentence: 1 Dec 2026 00:00 UTC."""
    local = moment(at, zone)
    return f"{long_day(local)} {local:%H:%M %Z}"


def brief(at: int, zone: ZoneInfo, now: int, clock: str = "%H:%M") -> Markup:
    """An instant in a list: 22 Nov 13:52, with the year where it is not this one."""
    local = moment(at, zone)
    day = short_day(local) if local.year == moment(now, zone).year else long_day(local)
    return _time(at, f"{day} {local:{clock}}")


def stated(at: int, zone: ZoneInfo, now: int) -> Markup:
    """An instant in a sentence of its own: 22 Nov 13:52 CET."""
    return brief(at, zone, now, "%H:%M %Z")


def full(at: int, zone: ZoneInfo) -> Markup:
    """An instant on its own page: 22 Nov 2026, 13:52:07 CET."""
    local = moment(at, zone)
    return _time(at, f"{long_day(local)}, {local:%H:%M:%S %Z}")


def lapse(at: int | None, zone: ZoneInfo, now: int) -> Markup | str:
    """When something lapses: an instant in a list, or never."""
    return "never" if at is None else brief(at, zone, now)


def zone_name(at: int, zone: ZoneInfo) -> str:
    """What the zone is called at an instant: "UTC", "CET"."""
    return moment(at, zone).tzname() or str(zone)


def iso(at: int) -> str:
    """ISO 8601 in UTC to the microsecond, as the services' door writes it."""
    return moment(at, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def span(microseconds: int) -> str:
    """About how long: "8 days", "30 hours", "12 minutes", "less than a minute"."""
    minutes = microseconds // 60_000_000
    if minutes >= 2 * 1440:
        return counted(minutes // 1440, "day")
    if minutes >= 2 * 60:
        return counted(minutes // 60, "hour")
    return counted(minutes, "minute") if minutes > 0 else "less than a minute"


def middle(text: str, size: int = 24) -> str:
    """A long id with its middle left out."""
    head = (size - 1) * 2 // 3
    return text if len(text) <= size else f"{text[:head]}…{text[head + 1 - size :]}"


def _percent(part: int, units: int, *, in_tenths: bool) -> str:
    if part == 0:
        return "0 %"
    if units == 0:
        return "<0.1 %"
    if in_tenths and units == 1000:
        return ">99.9 %"
    return f"{units // 10}.{units % 10} %" if in_tenths else f"{units} %"


def _time(at: int, text: str) -> Markup:
    utc = iso(at)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(utc, utc, text)
