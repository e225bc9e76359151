"""When people work: more on weekdays than at weekends, most of it around one hour of the day."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from portal.cli.demo.stage import DAY, HOUR, Scene

# 1 January 1970 was a Thursday.
FIRST_WEEKDAY = 3


class Rhythm(NamedTuple):
    """How many jobs a day, at least and at most, and between which hours (UTC) they come."""

    weekday: tuple[int, int]
    weekend: tuple[int, int]
    first_hour: int
    peak_hour: int
    last_hour: int


def instants(scene: Scene, rhythm: Rhythm, lots: Random) -> Iterator[int]:
    """The instants of all jobs of a scene, day by day, those of a day in no order."""
    for day in range(scene.opens // DAY, scene.now // DAY + 1):
        least, most = rhythm.weekend if is_weekend(day) else rhythm.weekday
        for _ in range(lots.randint(least, most)):
            hour = lots.triangular(rhythm.first_hour, rhythm.last_hour, rhythm.peak_hour)
            at = day * DAY + int(hour * HOUR)
            if scene.spans(at):
                yield at


def is_weekend(day: int) -> bool:
    """Whether a day (since 1970) is a Saturday or Sunday."""
    return (day + FIRST_WEEKDAY) % 7 >= 5
