"""Rules of single members, where a body does not show them."""

import time
from typing import Any

import pytest

from portal.internal import rules
from portal.internal.errors import Fault
from portal.internal.strict_json import OddNumber


def broken(rule: rules.Rule, value: Any) -> list[Fault]:
    faults: list[Fault] = []
    read = rule(value, "it", faults)
    assert (read is None) == bool(faults)
    return faults


def test_a_rule_gives_the_value_or_notes_one_fault() -> None:
    assert rules.whole(1, 9)(5, "it", []) == 5
    assert broken(rules.whole(1, 9), 0) == [Fault("it", "must be a whole number from 1 to 9", 0)]
    assert broken(rules.one_of(("a", "b")), "c") == [Fault("it", "must be one of a, b", "c")]


@pytest.mark.parametrize("value", [0, 10, True, None, "5", [], {}, OddNumber("5.0")], ids=str)
def test_whole_takes_integers_of_its_range_only(value: object) -> None:
    assert broken(rules.whole(1, 9), value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        ("é", "é"),
        ("x" * 65, "x" * 64 + "…"),
        (OddNumber("1.5"), "1.5"),
        (OddNumber("9" * 99), "9" * 64 + "…"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
    ],
    ids=str,
)
def test_what_came_is_shown_shortly(value: object, shown: object) -> None:
    assert rules.shown(value) == shown


def test_a_reference_can_be_of_fewer_types() -> None:
    faults: list[Fault] = []
    rules.reference(("payment",))({"type": "task", "id": "x"}, "it", faults)
    assert faults == [Fault("it.type", "must be one of payment", "task")]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_time_zones_are_known_by_name(zone: str) -> None:
    assert rules.time_zone(zone, "it", []) == zone


@pytest.mark.parametrize("zone", ["", "utc+1", "/etc/passwd", "Europe", "CET ", 1, None])
def test_nothing_else_is_a_time_zone(zone: object) -> None:
    assert broken(rules.time_zone, zone)


@pytest.mark.parametrize(
    "rule",
    [rules.account_id, rules.operation, rules.public_id, rules.visible(128), rules.instant,
     rules.labels, rules.metadata],
    ids=["account", "operation", "id", "visible", "time", "labels", "metadata"],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["a", "a.", "e\u0301", "\u202e", "0", " ", "-:", "é" * 3])
def test_no_rule_is_slow_on_a_long_text(rule: rules.Rule, unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.perf_counter()
    for value in (text, {text: text}, {"a": text}):
        rule(value, "it", [])
    assert time.perf_counter() - began < 0.5
