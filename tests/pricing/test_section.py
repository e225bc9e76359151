"""One table of a document: each reader answers its value, or notes the rule and goes on."""

import tomllib
from datetime import UTC, datetime

from portal.pricing import Fault
from portal.pricing.section import Section


def section(text: str) -> tuple[Section, list[Fault]]:
    faults: list[Fault] = []
    return Section(tomllib.loads(text), "here", faults), faults


def test_it_reads_every_kind_of_value() -> None:
    table, faults = section(
        'n = 5\ns = "abc"\nc = "two"\nat = 1970-01-01T01:00:00.000001+01:00\n'
        "[t]\nx = 1\n[[a]]\ny = 2"
    )
    assert table.whole("n", 1, 5) == 5
    assert table.text("s", "[a-c]+", "must be a to c") == "abc"
    assert table.choice("c", ("one", "two"), None) == "two"
    assert table.instant("at") == 1
    assert table.section("t").whole("x", 0, 9) == 1
    assert [one.path for one in table.sections("a", 3)] == ["here.a[0]"]
    table.close()
    assert faults == []


def test_absent_keys_take_their_default() -> None:
    table, faults = section("")
    assert table.whole("n", 1, 5, None) is None
    assert table.whole("n", 1, 5, 4) == 4
    assert table.choice("c", ("one", "two"), "two") == "two"
    assert table.section("t", required=False).names() == ()
    assert faults == []


def test_absent_keys_without_a_default_are_faults() -> None:
    table, faults = section("")
    table.whole("n", 1, 5)
    table.text("s", ".*", "must be")
    table.choice("c", ("one", "two"), None)
    table.instant("at")
    table.section("t")
    table.sections("a", 2)
    assert faults == [
        Fault("here.n", "is missing"),
        Fault("here.s", "is missing"),
        Fault("here.c", "is missing (one of one, two)"),
        Fault("here.at", "is missing"),
        Fault("here.t", "is missing"),
        Fault("here.a", "must be an array of 1 to 2 tables"),
    ]


def test_values_of_another_kind_are_faults() -> None:
    table, faults = section(
        'b = true\nf = 1.0\nw = "5"\nlow = 0\nhigh = 9\ns = 5\nbad = "x\\ny"\nc = "three"\n'
        "local = 2026-01-01T00:00:00\nday = 2026-01-01\nt = [1]\na = [{}, 1]\nmany = [{}, {}, {}]"
    )
    for key in ("b", "f", "w", "low", "high"):
        table.whole(key, 1, 5)
    table.text("s", ".*", "must be one line")
    table.text("bad", ".*", "must be one line")
    table.choice("c", ("one", "two"), "one")
    table.instant("local")
    table.instant("day")
    table.section("t", required=False)
    table.sections("a", 2)
    table.sections("many", 2)
    instant = "must be a date and time with an offset, such as 2026-01-01T00:00:00Z"
    assert faults == [
        Fault("here.b", "must be a whole number, not True"),
        Fault("here.f", "must be a whole number, not 1.0"),
        Fault("here.w", "must be a whole number, not '5'"),
        Fault("here.low", "must be from 1 to 5, not 0"),
        Fault("here.high", "must be from 1 to 5, not 9"),
        Fault("here.s", "must be one line, not 5"),
        Fault("here.bad", "must be one line, not 'x\\ny'"),
        Fault("here.c", "must be one of one, two, not 'three'"),
        Fault("here.local", f"{instant}, not datetime.datetime(2026, 1, 1, 0, 0)"),
        Fault("here.day", f"{instant}, not datetime.date(2026, 1, 1)"),
        Fault("here.t", "must be a table, not [1]"),
        Fault("here.a", "must be an array of 1 to 2 tables"),
        Fault("here.many", "must be an array of 1 to 2 tables"),
    ]


def test_a_long_value_is_shortened_in_the_fault() -> None:
    table, faults = section(f's = "{"x" * 200}"')
    table.text("s", "[a-c]*", "must be a to c")
    assert faults[0].rule == f"must be a to c, not '{'x' * 56}…"


def test_keys_nobody_took_are_faults() -> None:
    table, faults = section("n = 1\nmnimum = 2\n")
    table.whole("n", 1, 5)
    table.whole("minimum", 1, 5, None)
    table.close()
    assert faults == [Fault("here.mnimum", "is not a key here; known: n, minimum")]


def test_paths_are_quoted_as_toml_would() -> None:
    table, _ = section("")
    assert table.where("plain-key_1") == "here.plain-key_1"
    assert table.where("generate.fast") == 'here."generate.fast"'
    assert table.where('a"b') == 'here."a\\"b"'
    assert Section({}, "", []).where("name") == "name"


def test_an_instant_is_whole_microseconds() -> None:
    table, _ = section("at = 2026-01-01T00:00:00.123456Z")
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    assert table.instant("at") == start * 1_000_000 + 123_456
