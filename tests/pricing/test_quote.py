"""Quotes: the quantities and prices they refuse, and that limits apply after rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import (
    CREDITS_MAX,
    QUANTITY_MAX,
    QuantityError,
    Quote,
    Tariff,
    UnknownOperationError,
    quote,
    shipped_tariff,
)


def test_it_names_operation_quantity_credits_and_tariff(tariff: Tariff) -> None:
    assert quote(tariff, "block", 61) == Quote("block", 61, 15, "2027-07")


@pytest.mark.parametrize(
    ("operation", "quantity", "credits"),
    [
        ("clone", 1, 500),
        ("clone", 3, 1_500),
        ("design", 3, 150),
        ("generate", 1, 1),
        ("generate", 1_204, 1_204),
        ("generate.fast", 1, 1),
        ("generate.fast", 2, 1),
        ("generate.fast", 1_205, 603),
    ],
)
def test_the_shipped_prices(operation: str, quantity: int, credits: int) -> None:
    assert quote(shipped_tariff(), operation, quantity).credits == credits


def test_the_minimum_lifts_a_small_job(tariff: Tariff) -> None:
    assert [quote(tariff, "unit", n).credits for n in (1, 10, 11, 12)] == [10, 10, 11, 11]


def test_the_maximum_caps_a_large_job(tariff: Tariff) -> None:
    assert [quote(tariff, "unit", n).credits for n in (1_494, 1_495, 1_497)] == [999, 1_000, 1_000]
    assert quote(tariff, "unit", QUANTITY_MAX).credits == 1_000


@pytest.mark.parametrize("quantity", [True, False, "1", 1.0, None, b"1", [1]])
def test_it_refuses_a_quantity_that_is_not_a_whole_number(tariff: Tariff, quantity: object) -> None:
    with pytest.raises(QuantityError, match="must be a whole number") as refusal:
        quote(tariff, "flat", quantity)  # type: ignore[arg-type]
    assert refusal.value.quantity is quantity


@pytest.mark.parametrize("quantity", [0, -1, QUANTITY_MAX + 1, 2**63, -(2**63)])
def test_it_refuses_a_quantity_out_of_range(tariff: Tariff, quantity: int) -> None:
    with pytest.raises(QuantityError, match="must be from 1 to 1000000000000") as refusal:
        quote(tariff, "flat", quantity)
    assert refusal.value.rule == "must be from 1 to 1000000000000"


def test_it_takes_the_largest_quantity() -> None:
    assert quote(shipped_tariff(), "generate", QUANTITY_MAX).credits == CREDITS_MAX


def test_it_refuses_a_job_that_costs_more_than_the_ledger_can_enter() -> None:
    largest = CREDITS_MAX // 500
    assert quote(shipped_tariff(), "clone", largest).credits == CREDITS_MAX
    with pytest.raises(QuantityError, match="costs 1000000000500 credits"):
        quote(shipped_tariff(), "clone", largest + 1)


def test_it_refuses_an_unknown_operation_naming_the_known_ones(tariff: Tariff) -> None:
    with pytest.raises(UnknownOperationError) as refusal:
        quote(tariff, "clone", 1)
    assert refusal.value.operation == "clone"
    assert refusal.value.known == ("flat", "unit", "block", "graduated.big")
    assert "graduated.big" in str(refusal.value)


@given(
    st.sampled_from(["flat", "unit", "block", "graduated.big"]),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
)
def test_more_units_never_cost_less(
    tariff: Tariff, operation: str, quantity: int, more: int
) -> None:
    small, large = (quote(tariff, operation, n).credits for n in (quantity, quantity + more))
    assert 0 <= small <= large <= CREDITS_MAX
