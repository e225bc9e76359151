"""Rollover against the words of its rule."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import Rollover, RolloverError, RolloverPolicy

CREDITS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("policy", "amount", "rest", "carried"),
    [
        ("none", 0, 900, 0),
        ("full", 0, 900, 900),
        ("cap", 500, 900, 500),
        ("cap", 500, 499, 499),
        ("percent", 25, 903, 225),
        ("percent", 25, 3, 0),
        ("percent", 100, 903, 903),
        ("multiple", 2, 1_999, 1_999),
        ("multiple", 2, 2_001, 2_000),
        ("full", 0, 0, 0),
    ],
)
def test_what_each_policy_carries_of_an_allocation_of_1000(
    policy: RolloverPolicy, amount: int, rest: int, carried: int
) -> None:
    assert Rollover(policy, amount).carried(rest, 1_000) == carried


@given(
    st.sampled_from(["none", "full", "cap", "percent", "multiple"]),
    st.integers(1, 100),
    CREDITS,
    CREDITS,
)
def test_it_never_carries_more_than_the_rest(
    policy: RolloverPolicy, amount: int, rest: int, allocation: int
) -> None:
    assert 0 <= Rollover(policy, amount).carried(rest, allocation) <= rest


@given(st.integers(1, 100), CREDITS)
def test_a_percentage_is_the_exact_fraction_rounded_down(percent: int, rest: int) -> None:
    carried = Rollover("percent", percent).carried(rest, 1)
    assert carried == floor(Fraction(rest * percent, 100))


@pytest.mark.parametrize(("rest", "allocation"), [(-1, 5), (5, -1)])
def test_it_refuses_a_rest_or_allocation_below_zero(rest: int, allocation: int) -> None:
    with pytest.raises(RolloverError) as refusal:
        Rollover("none").carried(rest, allocation)
    assert (refusal.value.rest, refusal.value.allocation) == (rest, allocation)


def test_carried_credits_live_one_period_unless_told_otherwise() -> None:
    assert Rollover("full").life_periods == 1
