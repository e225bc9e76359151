"""The computed parts of the credit rules, on tariffs other than the shipped one."""

import json
from dataclasses import replace

import pytest

from portal import pricing
from portal.cli import rule_tables
from portal.pricing import (
    BlockPrice,
    Caps,
    FlatPrice,
    GraduatedPrice,
    Operation,
    Rollover,
    RolloverPolicy,
    Step,
    Tariff,
    Tier,
)


@pytest.fixture
def tariff() -> Tariff:
    return pricing.shipped_tariff()


def operation(price: pricing.Price) -> Operation:
    return Operation("x", "X", "second", price, None, 9, 90)


def tier(name: str, policy: RolloverPolicy, amount: int = 0, life: int = 1) -> Tier:
    return Tier(name, name.title(), 100, Rollover(policy, amount, life), 0, Caps())


def with_tiers(tariff: Tariff, *tiers: Tier) -> Tariff:
    return replace(tariff, tiers={one.name: one for one in tiers})


def test_a_table_is_markdown_with_numbers_to_the_right() -> None:
    lines = rule_tables.table("a | >b", [("x", 1_204), ("y", -5)]).split("\n")
    assert lines == ["| a | b |", "|---|---:|", "| x | 1,204 |", "| y | -5 |"]


def test_quantities_show_the_edges_of_graduated_steps() -> None:
    steps = (Step(10, 1, 1), Step(60, 1, 2), Step(None, 1, 3))
    assert rule_tables.quantities(operation(GraduatedPrice(0, steps))) == (1, 10, 11, 60, 61)


def test_quantities_are_small_for_dear_units_and_large_for_cheap_ones() -> None:
    assert rule_tables.quantities(operation(BlockPrice(0, 1, 11))) == (1, 3)
    assert rule_tables.quantities(operation(BlockPrice(0, 1, 10))) == (1, 1_205)
    assert rule_tables.quantities(operation(FlatPrice(500))) == (1, 1_205)


@pytest.mark.parametrize(
    ("policy", "amount", "words"),
    [
        ("none", 0, "none"),
        ("full", 0, "all of the rest"),
        ("cap", 5_000, "the rest, at most 5,000"),
        ("percent", 25, "25 % of the rest, rounded down"),
        ("multiple", 2, "the rest, at most 2 × the allocation"),
    ],
)
def test_rollover_in_words(policy: RolloverPolicy, amount: int, words: str) -> None:
    assert rule_tables.rollover_words(Rollover(policy, amount)) == words


def test_rollover_numbers_close(tariff: Tariff) -> None:
    rows = rule_tables.rollovers(tariff).replace(",", "").split("\n")[2:]
    assert len(rows) == 2 * len(tariff.tiers)
    for row, one in zip(rows, [one for one in tariff.tiers.values() for _ in "12"], strict=True):
        left, carried, lapses, start = map(int, row.strip("| ").split(" | ")[1:])
        assert left == carried + lapses
        assert start == one.allocation + carried


def test_carried_credits_live_as_long_as_each_plan_says(tariff: Tariff) -> None:
    none, full, cap = tier("none", "none"), tier("full", "full", 0, 3), tier("cap", "cap", 5)
    assert rule_tables.lives(with_tiers(tariff, none)) == "1 period"
    assert rule_tables.lives(with_tiers(tariff, none, full)) == "3 periods"
    told = rule_tables.lives(with_tiers(tariff, none, full, cap))
    assert told == "3 periods (Full), 1 period (Cap)"


def test_overdraft_names_the_plans_that_lend(tariff: Tariff) -> None:
    none, lent = tier("none", "none"), replace(tier("lent", "full"), overdraft=1_500)
    assert rule_tables.overdraft(with_tiers(tariff, none)) == (
        "No plan may spend more than it has."
    )
    assert rule_tables.overdraft(with_tiers(tariff, none, lent)).endswith(
        "Lent by at most 1,500 credits."
    )


def test_holds_say_how_long_and_what_is_above_them(tariff: Tariff) -> None:
    one = replace(operation(FlatPrice(1)), over_capture="overflow")
    told = rule_tables.holds(replace(tariff, operations={"x": one}))
    assert told.split("\n")[2] == "| `x` | 90 seconds | charges it, if credits allow |"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (60, "1 minute"), (90, "90 seconds"), (7_200, "2 hours")],
)
def test_spans_in_words(seconds: int, words: str) -> None:
    assert rule_tables.span(seconds) == words


def test_limits_that_are_absent_are_said_to_be(tariff: Tariff) -> None:
    row = rule_tables.plans(with_tiers(tariff, tier("none", "none"))).split("\n")[2]
    assert row == "| None (`none`) | 100 | none | 0 | no limit | no limit |"
    rates = rule_tables.prices(replace(tariff, operations={"x": operation(FlatPrice(1))}))
    assert rates.split("\n")[2] == "| `x` | X | 1 credit per job | – | 9 |"


def test_the_problem_closes(tariff: Tariff) -> None:
    clone = tariff.operations["clone"]
    body = json.loads(rule_tables.problem(tariff, clone, tariff.tiers["scale"]))
    assert body["required"] - body["spendable"] == body["shortfall"] == 200
    assert body["spendable"] - body["available"] == 50_000
    assert body["remedies"] == ["next_allocation", "purchase"]
    small = replace(tier("small", "none"), allocation=0)
    body = json.loads(rule_tables.problem(tariff, clone, small))
    assert body["next_allocation_at"] is None
    assert body["remedies"][0] == "purchase"


def test_reinstated_credits_live_thirty_days(tariff: Tariff) -> None:
    told = rule_tables.lapsed(tariff, rule_tables.dearest(tariff))
    assert "refunded on 5 December" in told
    assert "live until 4 January" in told


def test_upgrades_are_prorated(tariff: Tariff) -> None:
    rows = rule_tables.upgrades(tariff).split("\n")[2:]
    assert rows[1] == "| Starter → Pro | (100,000 − 30,000) × 10 ÷ 30 | 23,333 |"
    assert len(rows) == 3


def test_texts_are_counted() -> None:
    lengths = [row.split(" | ")[1].rstrip(" |") for row in rule_tables.texts().split("\n")[2:]]
    assert lengths == ["12", "1", "1", "2", "5", "3"]
