"""What a capture takes beyond its hold, in units of its operation: none for nothing, never less."""

from dataclasses import replace
from typing import Any

import pytest

from portal import ledger, pricing
from portal.internal.overflow import units_beyond

HOLD = ledger.Hold(
    "hld_1", "acme", 2, "tts", "generate", 100, "2026-01", "task", "t", 100, 0, 9, 1, "open", None
)  # fmt: skip


def tariff(price: pricing.Price, **more: Any) -> pricing.Tariff:
    """The shipped price list with one price of `generate`, which lets captures overflow."""
    shipped = pricing.shipped_tariff()
    terms = {"price": price, "minimum": None, "over_capture": "overflow", **more}
    changed = replace(shipped.operations["generate"], **terms)
    return replace(shipped, operations={**shipped.operations, "generate": changed})


PER_UNIT = pricing.UnitPrice(0, 1, 1)


@pytest.mark.parametrize(("credits", "units"), [(0, 0), (100, 0), (101, 1), (350, 250)])
def test_credits_beyond_the_hold_are_counted_in_units(credits: int, units: int) -> None:
    assert units_beyond(HOLD, credits, tariff(PER_UNIT)) == (100 + units, units)


def test_units_of_half_a_credit_count_double() -> None:
    hold = HOLD._replace(quantity=200)
    assert units_beyond(hold, 150, tariff(pricing.UnitPrice(0, 1, 2))) == (299, 99)


def test_units_that_cost_many_credits_are_counted_whole() -> None:
    hold = HOLD._replace(quantity=1, amount=500)
    assert units_beyond(hold, 501, tariff(pricing.UnitPrice(0, 500, 1))) == (2, 1)


def test_where_no_quantity_costs_so_much_each_credit_is_a_unit() -> None:
    assert units_beyond(HOLD, 130, tariff(pricing.FlatPrice(100))) == (130, 30)
    assert units_beyond(HOLD, 130, tariff(PER_UNIT, maximum=100)) == (130, 30)


def test_what_was_captured_before_is_no_longer_held() -> None:
    hold = HOLD._replace(captured=80)
    assert units_beyond(hold, 20, tariff(PER_UNIT)) == (100, 0)
    assert units_beyond(hold, 50, tariff(PER_UNIT)) == (130, 30)


def test_a_hold_that_overflowed_before_is_counted_from_there() -> None:
    hold = HOLD._replace(amount=180, captured=180)
    assert units_beyond(hold, 10, tariff(PER_UNIT)) == (190, 10)


def test_an_expired_hold_is_counted_as_an_open_one() -> None:
    assert units_beyond(HOLD._replace(status="expired"), 150, tariff(PER_UNIT)) == (150, 50)


@pytest.mark.parametrize("status", ["captured", "released"])
def test_a_hold_that_has_ended_takes_nothing(status: str) -> None:
    assert units_beyond(HOLD._replace(status=status), 500, tariff(PER_UNIT)) == (100, 0)


@pytest.mark.parametrize("rule", ["refuse", "cap"])
def test_operations_that_do_not_overflow_take_no_more_than_is_held(rule: str) -> None:
    assert units_beyond(HOLD, 500, tariff(PER_UNIT, over_capture=rule)) == (100, 0)


def test_the_largest_amount_is_counted_too() -> None:
    assert units_beyond(HOLD, ledger.AMOUNT_MAX, tariff(PER_UNIT))[1] == ledger.AMOUNT_MAX - 100
