"""Charts: places that add up, steps people can read, and a sentence for those who cannot see."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web import charts
from portal.web.formats import day_number

DAYS = range(day_number(date(2026, 11, 1)), day_number(date(2026, 11, 30)) + 1)
TITLES = {"generate": "Generate speech", "clone": "Clone a voice"}
SERIES = charts.series_of(TITLES)


def share(text: str) -> int:
    """12.34% as 1234."""
    whole, _, parts = text.removesuffix("%").partition(".")
    return int(whole) * 100 + int(parts or 0)


@pytest.mark.parametrize(
    ("highest", "step", "steps"),
    [(0, 1, 1), (1, 1, 1), (4, 1, 4), (5, 1, 5), (6, 2, 3), (9, 2, 5), (11, 5, 3), (41, 10, 5),
     (100, 20, 5), (101, 25, 5), (21_651, 5_000, 5), (86_925, 20_000, 5), (130_000, 50_000, 3)],
)  # fmt: skip
def test_a_few_steps_of_a_round_number_reach_the_highest(
    highest: int, step: int, steps: int
) -> None:
    assert charts.scale(highest) == (step, steps)


@given(st.integers(1, 10**15))
def test_the_highest_is_on_the_chart_and_fills_it(highest: int) -> None:
    step, steps = charts.scale(highest)
    assert 1 <= steps <= charts.STEPS_MAX
    assert step * (steps - 1) < highest <= step * steps
    assert highest * 100 >= step * steps * 70


def test_the_gridlines_stand_where_the_scale_puts_them() -> None:
    chart = charts.stacked_days({(DAYS[0], "generate"): 21_651}, DAYS, SERIES, DAYS[0])
    assert [line.text for line in chart.gridlines] == ["0", "5k", "10k", "15k", "20k", "25k"]
    assert share(chart.gridlines[0].at) == charts.FLOOR
    assert share(chart.gridlines[-1].at) == charts.TOP
    drawn = share(chart.columns[0].boxes[0].height) / (charts.FLOOR - charts.TOP)
    assert drawn == pytest.approx(21_651 / 25_000, abs=0.001)


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (750, "750"), (1000, "1k"), (2500, "2.5k"), (75_000, "75k"), (1250, "1.25k"),
     (1255, "1,255"), (10**6, "1M"), (25 * 10**8, "2.5G")],
)  # fmt: skip
def test_an_axis_may_abbreviate_what_it_can_say_exactly(number: int, said: str) -> None:
    assert charts.short(number) == said


def test_segments_stack_from_the_floor_without_gaps() -> None:
    day = DAYS[4]
    chart = charts.stacked_days({(day, "generate"): 600, (day, "clone"): 400}, DAYS, SERIES, day)
    lower, upper = chart.columns[4].boxes
    assert (lower.place, upper.place) == (1, 2)
    assert share(lower.y) + share(lower.height) == charts.FLOOR
    assert share(upper.y) + share(upper.height) == share(lower.y)
    assert share(upper.y) == charts.TOP
    assert chart.columns[4].total == 1000
    assert chart.columns[4].amounts == {"generate": 600, "clone": 400}
    assert chart.sums == {"generate": 600, "clone": 400}


def test_a_trace_of_usage_can_still_be_seen() -> None:
    amounts = {(DAYS[0], "generate"): 1, (DAYS[1], "generate"): 10**9}
    chart = charts.stacked_days(amounts, DAYS, SERIES, DAYS[0])
    assert share(chart.columns[0].boxes[0].height) >= 40
    assert chart.columns[2].boxes == ()


def test_every_bar_stays_in_its_own_slot() -> None:
    amounts = {(day, "generate"): day for day in DAYS}
    chart = charts.stacked_days(amounts, DAYS, SERIES, DAYS[0])
    for column in chart.columns:
        box, slot = column.boxes[0], column.slot
        assert share(slot.x) <= share(box.x)
        assert share(box.x) + share(box.width) <= share(slot.x) + share(slot.width)
    assert share(chart.columns[-1].slot.x) + share(chart.columns[-1].slot.width) == 10_000


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 30, 31, 90])
def test_days_are_labelled_evenly_and_not_cut_off(length: int) -> None:
    chart = charts.stacked_days({}, range(DAYS.start, DAYS.start + length), SERIES, 0)
    assert 1 <= len(chart.days) <= 8
    assert chart.days[0].text == "1 Nov"
    for label in chart.days:
        if label.anchor == "middle":
            assert charts.EDGE <= share(label.at) <= 10_000 - charts.EDGE
    assert [label.minor for label in chart.days[:3]] == [False, True, False][: len(chart.days)]


def test_today_is_marked_only_where_it_is_shown() -> None:
    assert charts.stacked_days({}, DAYS, SERIES, DAYS[0]).today == "1.66%"
    assert charts.stacked_days({}, DAYS, SERIES, DAYS[-1] + 1).today is None


def test_known_operations_keep_their_colours_and_the_rest_share() -> None:
    titles = {name: name for name in ("a", "clone", "b", "generate", "c", "design")}
    assert [(one.key, one.place) for one in charts.series_of(titles)] == [
        ("generate", 1), ("clone", 2), ("design", 3), ("a", 4), ("b", 5), ("c", 5)
    ]  # fmt: skip


def test_the_summary_says_how_much_and_when_most() -> None:
    amounts = {(DAYS[0], "generate"): 1000, (DAYS[4], "clone"): 2500}
    chart = charts.stacked_days(amounts, DAYS, SERIES, DAYS[0])
    assert chart.summary == (
        "3,500 credits charged on 2 days of 30; the most on 5 Nov 2026: 2,500."
    )
    assert [one.key for one in chart.legend] == ["generate", "clone"]
    assert chart.columns[4].title == "5 Nov 2026: 2,500 credits (Clone a voice 2,500)"
    assert chart.columns[5].title == "6 Nov 2026: 0 credits"


def test_nothing_charged_is_said_and_has_no_legend() -> None:
    chart = charts.stacked_days({}, DAYS, SERIES, DAYS[0])
    assert chart.summary == "No credits were charged in these days."
    assert chart.legend == ()
