"""Times between the wire and code, both ways."""

import pytest

from portal.client.times import read_time, write_time


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00.000000Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("2026-11-22T13:52:00.250000Z", 1_795_355_520_250_000),
        ("2100-02-28T23:59:59.999999Z", 4_107_542_399_999_999),
    ],
)
def test_it_reads_and_writes_to_the_microsecond(text: str, at: int) -> None:
    assert read_time(text) == at
    assert write_time(at) == text


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        read_time(text)
