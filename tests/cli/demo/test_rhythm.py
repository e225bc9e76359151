"""People work when people work."""

from collections import Counter

from portal.cli.demo.history import lots_of
from portal.cli.demo.rhythm import Rhythm, instants, is_weekend
from portal.cli.demo.stage import DAY, HOUR, Scene
from tests.cli.demo.conftest import NOW, micros

RHYTHM = Rhythm((9, 15), (1, 5), 6, 11, 19)


def test_saturday_and_sunday_are_the_weekend() -> None:
    monday = micros(2026, 11, 23) // DAY
    assert [is_weekend(monday + number) for number in range(7)] == [False] * 5 + [True] * 2


def test_each_day_has_its_jobs_within_its_hours() -> None:
    found = list(instants(Scene(micros(2026, 11, 23), 28), RHYTHM, lots_of("test")))
    days = Counter(at // DAY for at in found)
    assert len(days) == 28
    assert all(1 <= number <= 5 if is_weekend(day) else 9 <= number <= 15
               for day, number in days.items())  # fmt: skip
    assert all(6 * HOUR <= at % DAY <= 19 * HOUR for at in found)


def test_nothing_comes_before_the_scene_or_after_now() -> None:
    scene = Scene(NOW, 3)
    found = list(instants(scene, RHYTHM, lots_of("test")))
    assert all(scene.spans(at) for at in found)
    assert found != []


def test_the_same_lots_give_the_same_instants() -> None:
    first, second = (list(instants(Scene(NOW, 20), RHYTHM, lots_of("test"))) for _ in range(2))
    assert first == second
