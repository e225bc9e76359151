"""When things were asked and answered, and whether that fits the order of what they tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """When something was asked and answered, and between which seqs it was true.

    writes: 1 where it made the entry of that seq.
    """

    began: float
    ended: float
    low: int
    high: int
    writes: int = 0


def check_times(spans: Mapping[str, Sequence[Span]]) -> Iterator[str]:
    """Violations by account: what had been answered when something was asked comes before it."""
    for name, each in spans.items():
        by_end, place, latest = sorted(each, key=lambda span: span.ended), 0, -1
        for span in sorted(each):
            while by_end[place].ended < span.began:
                latest = max(latest, by_end[place].low)
                place += 1
            if span.high < latest + span.writes:
                yield f"time: {name} {latest} was answered before {span} was asked"
