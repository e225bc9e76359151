"""Charts as geometry: bars, gridlines and labels in per cent of a frame, drawn by a template.

It knows days and credits, no rows of the database and no colours: a series is a number that
the style sheet paints.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from portal.web.formats import counted, credits, day_date, long_day, short_day

TOP: Final = 600  # of 10,000: the height of the frame above the highest gridline
FLOOR: Final = 8_800  # where the bars stand
STEPS_MAX: Final = 5  # between gridlines, from the floor up
BAR: Final = 78  # per cent of a day's slot
LABELS_MAX: Final = 8
EDGE: Final = 700  # of 10,000: so near an edge a label would be cut off
SERIES_MAX: Final = 4
OTHER: Final = 5
PLACES: Final = {"generate": 1, "clone": 2, "design": 3}


class Series(NamedTuple):
    """One kind of usage: `key` is its operation, `place` the number that the style paints."""

    key: str
    title: str
    place: int


class Box(NamedTuple):
    """A rectangle; all four in per cent of the frame, as text."""

    x: str
    y: str
    width: str
    height: str
    place: int


class Column(NamedTuple):
    """A day's bar: its segments from the floor up, its credits by series, what to say of it."""

    number: int
    day: date
    amounts: Mapping[str, int]
    total: int
    boxes: tuple[Box, ...]
    slot: Box
    title: str


class Label(NamedTuple):
    """A word on an axis; `anchor` is start, middle or end, `minor` may go where space is short."""

    at: str
    text: str
    anchor: str = "middle"
    minor: bool = False


class Chart(NamedTuple):
    """A stacked bar a day over a range of days, with its axes and its one-sentence summary.

    legend: the series that are drawn, as they are stacked from the floor up.
    """

    columns: tuple[Column, ...]
    gridlines: tuple[Label, ...]
    days: tuple[Label, ...]
    today: str | None
    legend: tuple[Series, ...]
    sums: Mapping[str, int]
    summary: str


def stacked_days(
    amounts: Mapping[tuple[int, str], int],
    days: range,
    series: Sequence[Series],
    today: int,
) -> Chart:
    """A chart of credits by (day since 1970, operation) over `days`, stacked in series order."""
    totals = {day: sum(amounts.get((day, one.key), 0) for one in series) for day in days}
    step, steps = scale(max(totals.values(), default=0))
    columns = tuple(
        _column(place, day, amounts, series, len(days), step * steps)
        for place, day in enumerate(days)
    )
    sums = {one.key: sum(column.amounts[one.key] for column in columns) for one in series}
    return Chart(
        columns,
        tuple(
            Label(_percent(_height_at(line, steps)), short(line * step))
            for line in range(steps + 1)
        ),
        _day_labels(days),
        _percent(_middle(today - days.start, len(days))) if today in days else None,
        tuple(one for one in series if sums[one.key]),
        sums,
        summary(totals),
    )


def series_of(titles: Mapping[str, str]) -> tuple[Series, ...]:
    """One series an operation, in the order of the colours.

    The operations everybody knows keep their colours whatever else a tariff names; the next
    one takes the free place, and all others share the last.
    """
    free = (place for place in range(1, SERIES_MAX + 1) if place not in PLACES.values())
    places = {key: PLACES.get(key) or next(free, OTHER) for key in titles}
    series = (Series(key, title, places[key]) for key, title in titles.items())
    return tuple(sorted(series, key=lambda one: one.place))


def scale(highest: int) -> tuple[int, int]:
    """The distance of gridlines, and how many such steps there are up to the highest amount.

    It is the least of 1, 2, 2.5 and 5 times a power of ten that gets there in STEPS_MAX steps:
    the highest bar is more than 7 tenths of the chart.
    """
    power = 1
    while True:
        for tenths in (10, 20, 25, 50):
            step, odd = divmod(tenths * power, 10)
            if not odd and step * STEPS_MAX >= highest:
                return step, max(-(-highest // step), 1)
        power *= 10


def short(number: int) -> str:
    """A number for an axis: 75000 is "75k"; balances are never written like this."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size and number * 100 % size == 0:
            whole, parts = divmod(number * 100 // size, 100)
            return f"{whole}.{parts:02}".rstrip("0").rstrip(".") + letter
    return credits(number)


def summary(totals: Mapping[int, int]) -> str:
    """The chart in one sentence, for those who cannot see it."""
    whole = sum(totals.values())
    if whole == 0:
        return "No credits were charged in these days."
    busiest = max(totals, key=lambda day: (totals[day], day))
    active = sum(1 for total in totals.values() if total)
    return (
        f"{counted(whole, 'credit')} charged on {counted(active, 'day')} of {len(totals)}; "
        f"the most on {long_day(day_date(busiest))}: {credits(totals[busiest])}."
    )


def _column(
    place: int,
    day: int,
    amounts: Mapping[tuple[int, str], int],
    series: Sequence[Series],
    slots: int,
    top: int,
) -> Column:
    slot = 10_000 * place // slots, 10_000 * (place + 1) // slots
    width = (slot[1] - slot[0]) * BAR // 100
    left = slot[0] + (slot[1] - slot[0] - width) // 2
    parts = [(one, amounts.get((day, one.key), 0)) for one in series]
    total = sum(amount for _, amount in parts)
    return Column(
        day,
        day_date(day),
        {one.key: amount for one, amount in parts},
        total,
        tuple(_segments(parts, left, width, top)),
        Box(_percent(slot[0]), "0%", _percent(slot[1] - slot[0]), _percent(FLOOR), 0),
        _bar_title(day, total, parts),
    )


def _segments(
    parts: Iterable[tuple[Series, int]], left: int, width: int, top: int
) -> Iterable[Box]:
    below = 0
    for one, amount in parts:
        if amount > 0:
            bottom = _height_at(below, top)
            upper = _height_at(below + amount, top)
            below += amount
            # A trace of usage is still a line that can be seen.
            height = max(bottom - upper, 40)
            yield Box(
                _percent(left),
                _percent(bottom - height),
                _percent(width),
                _percent(height),
                one.place,
            )


def _bar_title(day: int, total: int, parts: Iterable[tuple[Series, int]]) -> str:
    shown = " · ".join(f"{one.title} {credits(amount)}" for one, amount in parts if amount)
    head = f"{long_day(day_date(day))}: {counted(total, 'credit')}"
    return f"{head} ({shown})" if shown else head


def _day_labels(days: range) -> tuple[Label, ...]:
    """At most eight labels, the same number of days apart, none of them cut off at an edge."""
    apart = max(-(-len(days) // LABELS_MAX), 1)
    places = range(0, len(days), apart)
    return tuple(
        _day_label(place, days, minor=number % 2 == 1) for number, place in enumerate(places)
    )


def _day_label(place: int, days: range, *, minor: bool) -> Label:
    text, slots = short_day(day_date(days[place])), len(days)
    middle = _middle(place, slots)
    if middle < EDGE:
        return Label(_percent(10_000 * place // slots), text, "start", minor)
    if middle > 10_000 - EDGE:
        return Label(_percent(10_000 * (place + 1) // slots), text, "end", minor)
    return Label(_percent(middle), text, "middle", minor)


def _height_at(amount: int, highest: int) -> int:
    """Where an amount lies between floor and top, in 1/10,000 of the frame from above."""
    return FLOOR - (FLOOR - TOP) * amount // max(highest, 1)


def _middle(place: int, slots: int) -> int:
    return (20_000 * place + 10_000) // (2 * slots)


def _percent(parts: int) -> str:
    return f"{parts // 100}.{parts % 100:02}%"
