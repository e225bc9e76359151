"""Rules of single members, where a body does not show them."""

import time
from typing import Any

import pytest

from portal.internal import rules
from portal.internal.errors import Fault, ValidationError
from portal.internal.rule import Rule
from portal.internal.strict_json import OddNumber


def broken(rule: Rule, value: Any) -> list[Fault]:
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


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "posix/UTC", "right/UTC"])
def test_what_a_system_keeps_beside_its_zones_is_none(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "available_timezones", lambda: {zone, "UTC"})
    rules.zones.cache_clear()
    try:
        assert rules.time_zone("UTC", "it", []) == "UTC"
        assert broken(rules.time_zone, zone)
    finally:
        rules.zones.cache_clear()


def test_the_folder_of_zones_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[set[str]] = []

    def walk() -> set[str]:
        walks.append({"UTC"})
        return walks[-1]

    monkeypatch.setattr(rules, "available_timezones", walk)
    rules.zones.cache_clear()
    try:
        for _ in range(3):
            rules.time_zone("UTC", "it", [])
    finally:
        rules.zones.cache_clear()
    assert len(walks) == 1


def test_of_too_many_it_is_told_how_many_came() -> None:
    listed = "must be a list of 1 to"
    named = f"must be an object of at most {rules.LABELS_MAX} names"
    assert broken(rules.operations, ["generate"] * 33) == [
        Fault("it", f"{listed} {rules.OPERATIONS_MAX} operations", 33)
    ]
    assert broken(rules.operations, [])[0].got == 0
    assert broken(rules.operations, "generate")[0].got == "generate"
    assert broken(rules.commands, [{}] * 1_001) == [
        Fault("it", f"{listed} {rules.COMMANDS_MAX} commands", 1_001)
    ]
    assert broken(rules.labels, {str(name): "x" for name in range(99)}) == [Fault("it", named, 99)]
    assert broken(rules.labels, [1])[0].got == "a list"
    assert broken(rules.metadata, {"a": "é" * 2_000})[0].got == len('{"a":""}') + 2 * 2_000
    said = str(ValidationError(broken(rules.commands, [{}] * 1_001)))
    assert said == f"it {listed} {rules.COMMANDS_MAX} commands, not 1001."
    assert str(ValidationError([Fault("it", "must be true or false", True)])).endswith("false.")


def test_a_text_that_holds_what_nobody_sees_is_told_what() -> None:
    [fault] = broken(rules.visible(9), "a\u200bb")
    assert fault.rule == "must hold no control, invisible sign or mark of direction; it has U+200B"
    assert fault.got == "a\u200bb"
    [fault] = broken(rules.visible(9), "e\u0301")
    assert fault.rule == "must be in NFC: composed signs where there are any"
    assert broken(rules.account_id, "..")[0].rule == (
        "must be 1 to 64 of A-Z a-z 0-9 . _ : - but neither . nor .."
    )


@pytest.mark.parametrize(
    "rule",
    [rules.account_id, rules.operation, rules.public_id, rules.visible(128), rules.instant,
     rules.labels, rules.metadata],
    ids=["account", "operation", "id", "visible", "time", "labels", "metadata"],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["a", "a.", "e\u0301", "\u202e", "0", " ", "-:", "é" * 3])
def test_no_rule_is_slow_on_a_long_text(rule: Rule, unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.perf_counter()
    for value in (text, {text: text}, {"a": text}):
        rule(value, "it", [])
    assert time.perf_counter() - began < 0.5
