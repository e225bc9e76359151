"""Times on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.internal.times import find_time, write_time

YEAR_9999 = 253_402_300_799_999_999


def test_it_writes_utc_with_microseconds() -> None:
    assert write_time(1_795_355_520_123_456) == "2026-11-22T13:52:00.123456Z"
    assert write_time(0) == "1970-01-01T00:00:00.000000Z"


@given(st.integers(0, YEAR_9999))
def test_it_reads_what_it_writes(at: int) -> None:
    assert find_time(write_time(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-22T13:52:00Z", 1_795_355_520_000_000),
        ("2026-11-22T13:52:00.1Z", 1_795_355_520_100_000),
        ("2026-11-22T13:52:00.000001Z", 1_795_355_520_000_001),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ],
)
def test_a_fraction_may_be_short_or_missing(text: str, at: int) -> None:
    assert find_time(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T13:52Z",
        "2026-11-22 13:52:00Z",
        "2026-11-22t13:52:00z",
        "2026-11-22T13:52:00",
        "2026-11-22T13:52:00+00:00",
        "2026-11-22T13:52:00.Z",
        "2026-11-22T13:52:00.1234567Z",
        "2026-11-22T13:52:00,5Z",
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "12026-11-22T13:52:00Z",
        "２026-11-22T13:52:00Z",
        "2026-11-22T13:52:00Z\n",
        "2026-W47-7T13:52:00Z",
    ],
)
def test_it_finds_no_time_in_any_other_form(text: str) -> None:
    assert find_time(text) is None
