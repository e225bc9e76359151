"""Tariff documents: what a good one says, and every rule a bad one can break."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import (
    BlockPrice,
    Caps,
    Fault,
    FlatPrice,
    GraduatedPrice,
    Operation,
    Rollover,
    SpendCap,
    Step,
    Tariff,
    TariffError,
    Tariffs,
    Tier,
    UnitPrice,
    load_tariff,
    parse_tariff,
    shipped_tariff,
)

OPERATION = """
[operations.x]
title = "X"
unit = "character"
price = { kind = "flat", credits = 1 }
hold_ttl_seconds = 60
"""
TIER = """
[tiers.x]
title = "X"
allocation = 10
rollover = { policy = "none" }
"""
HEAD = 'name = "t"\neffective_at = 2026-01-01T00:00:00Z\n'


EVERYTHING = (
    HEAD
    + OPERATION
    + 'minimum = 1\nmaximum = 9\nover_capture = "refuse"\n'
    + TIER
    + "overdraft = 1\ncaps = { open_holds = 1 }\n"
)
LAWFUL = {("caps", "{}")}  # a table of no caps: the one broken value that means something


def refused(text: str) -> list[str]:
    with pytest.raises(TariffError) as refusal:
        parse_tariff(text, "t.toml")
    lines = str(refusal.value).split("\n")
    assert all(line.startswith("t.toml: ") for line in lines)
    return [line.removeprefix("t.toml: ") for line in lines]


def with_price(price: str) -> str:
    return HEAD + OPERATION.replace('{ kind = "flat", credits = 1 }', price) + TIER


def test_it_reads_the_head_of_a_document(tariff: Tariff, document: str) -> None:
    assert tariff.name == "2027-07"
    assert tariff.effective_at == 1_814_400_000_000_000  # 2027-07-01T00:00:00Z
    assert tariff.document == document
    assert tariff.sha256 == hashlib.sha256(document.encode()).hexdigest()


def test_it_reads_operations_in_order(tariff: Tariff) -> None:
    steps = (Step(10, 1, 1), Step(15, 2, 3), Step(None, 1, 7))
    assert list(tariff.operations.values()) == [
        Operation("flat", "Flat", "voice", FlatPrice(500), None, None, 3_600, "cap"),
        Operation("unit", "Per unit", "character", UnitPrice(3, 2, 3), 10, 1_000, 900, "overflow"),
        Operation("block", "Per started block", "second", BlockPrice(1, 60, 7), None, None, 86_400),
        Operation("graduated.big", "Graduated", "query", GraduatedPrice(2, steps), None, None, 1),
    ]


def test_it_reads_tiers_in_order(tariff: Tariff) -> None:
    assert list(tariff.tiers.values()) == [
        Tier("none", "None", 0, Rollover("none"), 0, Caps()),
        Tier("full", "Full", 10, Rollover("full", 0, 3), 5, Caps()),
        Tier("cap", "Cap", 100, Rollover("cap", 40), 0, Caps(3, 9)),
        Tier("percent", "Percent", 1_000, Rollover("percent", 25), 0, Caps(1, None)),
        Tier("multiple", "Multiple", 10_000, Rollover("multiple", 2), 0, Caps()),
    ]


def test_the_shipped_tariff() -> None:
    tariff = shipped_tariff()
    assert tariff.name == "2026-01"
    assert tariff.effective_at == 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
    ttls = {name: one.hold_ttl_seconds for name, one in tariff.operations.items()}
    assert ttls == {"clone": 3_600, "design": 600, "generate": 900, "generate.fast": 900}
    assert {name: one.allocation for name, one in tariff.tiers.items()} == {
        "free": 1_000,
        "starter": 30_000,
        "pro": 100_000,
        "scale": 500_000,
    }
    assert [one.rollover.policy for one in tariff.tiers.values()] == [
        "none",
        "percent",
        "cap",
        "multiple",
    ]
    assert [one.overdraft for one in tariff.tiers.values()] == [0, 0, 0, 50_000]
    assert tariff.tiers["free"].caps.open_holds == 2
    assert shipped_tariff() is tariff


def test_the_shipped_tariff_is_never_edited() -> None:
    # A new price is a new document, not another hash here.
    assert shipped_tariff().sha256 == (
        "49fc5515b4246b434f58802dcddf7db2c8e92fb052403f34f6a4d94e64528a40"
    )


def test_it_loads_a_file_byte_for_byte(tmp_path: Path, document: str) -> None:
    path = tmp_path / "new.toml"
    path.write_bytes(document.replace("\n", "\r\n").encode())
    tariff = load_tariff(path)
    assert tariff.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_tariff(str(path)) == tariff


def test_a_file_that_cannot_be_read_is_a_tariff_error(tmp_path: Path) -> None:
    with pytest.raises(TariffError, match=r"none\.toml: document: cannot be read: No such file"):
        load_tariff(tmp_path / "none.toml")
    with pytest.raises(TariffError, match="cannot be read"):
        load_tariff(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "\xe9"')
    with pytest.raises(TariffError, match="document: must be UTF-8; byte 8 is not"):
        load_tariff(path)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("name = ", "document: must be TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2", "document: must be TOML: Cannot overwrite a value"),
        ('a = "\ud800"', "document: must be UTF-8; character 5 is not"),
        ("a = " + "[" * 20_000, "document: must be TOML of moderate nesting"),
        ("a = " + "1" * 5_000, "document: must be TOML: Exceeds the limit"),
        ("#" * 262_145, "document: must be at most 262144 bytes, not 262145"),
        ("\ufeffa = 1", "document: must be TOML: "),
    ],
)
def test_a_text_that_is_not_toml_is_refused(text: str, rule: str) -> None:
    [line] = refused(text)
    assert line.startswith(rule)


def test_an_empty_document_lacks_everything() -> None:
    assert refused("") == [
        "name: is missing",
        "effective_at: is missing",
        "operations: is missing",
        "tiers: is missing",
    ]


def test_every_fault_is_told_at_once() -> None:
    text = """
name = "Not A Name"
effective_at = 2026-01-01
currency = "EUR"
[operations."Generate Fast"]
title = " outer space"
unit = "Characters!"
price = { kind = "unit", numerator = 1.5, denominator = 0, per = 2 }
hold_ttl_seconds = 86_401
over_capture = "ignore"
minimum = 9
maximum = 8
hold_ttl = 3
[operations.bad]
[tiers.x]
title = ""
allocation = -1
rollover = { policy = "percent", amount = 101, life_periods = 0 }
overdraft = true
caps = { open_holds = 0, units = 3 }
"""
    keys = [line.split(": ")[0] for line in refused(text)]
    fast = 'operations."Generate Fast"'
    assert keys == [
        "name",
        "effective_at",
        fast,
        f"{fast}.title",
        f"{fast}.unit",
        f"{fast}.price.numerator",
        f"{fast}.price.denominator",
        f"{fast}.price.per",
        f"{fast}.hold_ttl_seconds",
        f"{fast}.over_capture",
        f"{fast}.minimum",
        f"{fast}.hold_ttl",
        "operations.bad.title",
        "operations.bad.unit",
        "operations.bad.price",
        "operations.bad.hold_ttl_seconds",
        "tiers.x.title",
        "tiers.x.allocation",
        "tiers.x.rollover.amount",
        "tiers.x.rollover.life_periods",
        "tiers.x.overdraft",
        "tiers.x.caps.open_holds",
        "tiers.x.caps.units",
        "currency",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "[operations]\n" + TIER, "operations: must hold at least one entry"),
        (HEAD + OPERATION + "[tiers]\n", "tiers: must hold at least one entry"),
        (HEAD + "operations = 3\n" + TIER, "operations: must be a table, not 3"),
        (HEAD + "operations.x = 3\n" + TIER, "operations.x: must be a table, not 3"),
        (HEAD + OPERATION + 'minimum = 2\nmaximum = 1\n' + TIER,
         "operations.x.minimum: must not exceed the maximum: 2 > 1"),
        (HEAD + OPERATION + TIER + "caps = 5\n", "tiers.x.caps: must be a table, not 5"),
        (HEAD + OPERATION + TIER + "caps.credits_per_day = -1\n",
         "tiers.x.caps.credits_per_day: must be from 0 to 1000000000000, not -1"),
        (HEAD + OPERATION + TIER + "caps.operations.y.credits_per_day = 1\n",
         "tiers.x.caps.operations.y: is no operation of this tariff"),
        (HEAD + OPERATION + TIER + "caps.operations.x.stop_loss_per_day = 1\n",
         "tiers.x.caps.operations.x.stop_loss_per_day: is not a key here;"
         " known: credits_per_day, credits_per_period"),
        (HEAD + OPERATION + TIER.replace("none", "half"),
         "tiers.x.rollover.policy: must be one of none, full, cap, percent, multiple, not 'half'"),
        (HEAD + OPERATION + TIER.replace('"none"', '"full", amount = 3'),
         "tiers.x.rollover.amount: is not a key here; known: policy, life_periods"),
        (HEAD + OPERATION + TIER.replace('"none"', '"none", life_periods = 3'),
         "tiers.x.rollover.life_periods: is not a key here; known: policy"),
        (HEAD + OPERATION + TIER.replace('"none"', '"cap"'),
         "tiers.x.rollover.amount: is missing"),
        (HEAD + OPERATION + TIER.replace('"none"', '"multiple", amount = 0'),
         "tiers.x.rollover.amount: must be from 1 to 1000, not 0"),
    ],
)  # fmt: skip
def test_a_single_fault_is_told_alone(text: str, line: str) -> None:
    assert refused(text) == [line]


@pytest.mark.parametrize(
    ("price", "line"),
    [
        ('{ kind = "free" }', "kind: must be one of flat, unit, block, graduated, not 'free'"),
        ("{ credits = 3 }", "kind: is missing (one of flat, unit, block, graduated)"),
        ('{ kind = "flat" }', "credits: is missing"),
        ('{ kind = "flat", credits = -1 }', "credits: must be from 0 to 1000000000000, not -1"),
        ('{ kind = "flat", credits = 1, base = 1 }',
         "base: is not a key here; known: kind, credits"),
        ('{ kind = "block", block = 0, credits = 1 }',
         "block: must be from 1 to 1000000000000, not 0"),
        ('{ kind = "graduated" }', "steps: must be an array of 1 to 32 tables"),
        ('{ kind = "graduated", steps = [] }', "steps: must be an array of 1 to 32 tables"),
        ('{ kind = "graduated", steps = [1] }', "steps: must be an array of 1 to 32 tables"),
        ('{ kind = "graduated", steps = [{ up_to = 5, numerator = 1, denominator = 1 }] }',
         "steps[0].up_to: must be absent from the last step, which is open"),
        ('{ kind = "graduated", steps = [{ numerator = 1, denominator = 1 }, '
         "{ numerator = 1, denominator = 2 }] }",
         "steps[0].up_to: is missing (only the last step is open)"),
        ('{ kind = "graduated", steps = [{ up_to = "5", numerator = 1, denominator = 1 }, '
         "{ numerator = 1, denominator = 2 }] }",
         "steps[0].up_to: must be a whole number, not '5'"),
        ('{ kind = "graduated", steps = [{ up_to = 5, numerator = 1, denominator = 1 }, '
         "{ up_to = 5, numerator = 1, denominator = 1 }, { numerator = 1, denominator = 2 }] }",
         "steps[1].up_to: must exceed the step before: 5 <= 5"),
        ('{ kind = "graduated", steps = [{ numerator = 1, denominator = 1, from = 3 }] }',
         "steps[0].from: is not a key here; known: up_to, numerator, denominator"),
    ],
)  # fmt: skip
def test_a_price_that_breaks_a_rule_is_refused(price: str, line: str) -> None:
    assert refused(with_price(price)) == [f"operations.x.price.{line}"]


@pytest.mark.parametrize("title", ["a\\nb", "a|b", "", " a", "a ", "x" * 81, "\\u007f"])
def test_a_title_must_be_one_plain_line(title: str) -> None:
    [line] = refused(HEAD + OPERATION.replace('"X"', f'"{title}"') + TIER)
    assert line.startswith("operations.x.title: must be 1 to 80 characters of one line")


@pytest.mark.parametrize("name", ["a b", "-a", "A", "é", "a" * 33, "a/b", ""])
def test_a_name_must_be_plain(name: str) -> None:
    [line] = refused(HEAD + OPERATION.replace("operations.x", f'operations."{name}"') + TIER)
    key, rule = line.split(": ")
    assert key.replace('"', "") == f"operations.{name}"
    assert rule.startswith("its name must be 1 to 32 of a-z 0-9 . _ - and begin with")


def _broken(text: str, key: str, value: str) -> str:
    return "\n".join(
        f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.split("\n")
    )


@given(
    st.sampled_from(
        ["name", "effective_at", "title", "unit", "price", "hold_ttl_seconds", "minimum",
         "maximum", "over_capture", "allocation", "rollover", "overdraft", "caps"]
    ),
    st.sampled_from(
        ["1.5", "true", "-1", '""', "[]", "{}", "nan", "1979-05-27", "9223372036854775807", '"x|y"']
    ),
)  # fmt: skip
def test_a_broken_value_is_refused_by_name_or_means_nothing_else(key: str, value: str) -> None:
    faults = _faults(_broken(EVERYTHING, key, value))
    assert all(f".{key}" in f".{fault.key}" for fault in faults)
    assert faults or (key, value) in LAWFUL


def _faults(text: str) -> tuple[Fault, ...]:
    tomllib.loads(text)
    try:
        parse_tariff(text, "t.toml")
    except TariffError as error:
        return error.faults
    return ()


def test_caps_on_spending_are_of_all_operations_or_of_one() -> None:
    caps = """
[tiers.x.caps]
credits_per_period = 9
stop_loss_per_day = 0
operations.x = { credits_per_day = 3 }
"""
    read = parse_tariff(HEAD + OPERATION + TIER + caps, "here")
    assert read.tiers["x"].caps.spend == (
        SpendCap("credits_per_period", None, 9),
        SpendCap("stop_loss_per_day", None, 0),
        SpendCap("credits_per_day", "x", 3),
    )
    plain = parse_tariff(HEAD + OPERATION + TIER, "there")
    assert (Tariffs([read]).capped, Tariffs([plain]).capped) == (frozenset({"x"}), frozenset())
