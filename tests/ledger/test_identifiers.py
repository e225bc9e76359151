"""portal/ledger/identifiers.py: prefixed, sortable by time, opaque, and exact in a test."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.identifiers import RANDOM_BYTES, Ids

TIMES = st.integers(0, 2**47 * 1000)


def test_it_is_a_function_of_time_and_the_bytes_given() -> None:
    asked = []

    def random(size: int) -> bytes:
        asked.append(size)
        return b"\xab" * size

    made = Ids(random).new("ent", 1_790_000_000_123_456)
    assert made == f"ent_{1_790_000_000_123:012x}" + "ab" * RANDOM_BYTES
    assert asked == [RANDOM_BYTES]


def test_it_carries_eighty_random_bits() -> None:
    assert RANDOM_BYTES * 8 >= 80
    ids = Ids(os.urandom)
    assert len({ids.new("grt", 5) for _ in range(500)}) == 500


@given(TIMES, TIMES)
def test_later_ids_sort_later(one: int, other: int) -> None:
    ids = Ids(bytes)
    earlier, later = sorted((one, other))
    assert ids.new("hld", earlier) <= ids.new("hld", later)
    assert len(ids.new("hld", later)) == len("hld_") + 12 + 2 * RANDOM_BYTES
