"""Prices against naive sums of exact fractions (the oracle alone may use fractions)."""

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import BlockPrice, FlatPrice, GraduatedPrice, Step, UnitPrice

AMOUNTS = st.integers(0, 10**12)
QUANTITIES = st.integers(1, 10**12)
RATIOS = st.integers(1, 10**12)
NUMERATORS = st.integers(0, 50)
DENOMINATORS = st.integers(1, 50)


@st.composite
def graduated(draw: st.DrawFn) -> GraduatedPrice:
    tops = sorted(draw(st.sets(st.integers(1, 300), max_size=6)))
    ends: list[int | None] = [*tops, None]
    steps = tuple(Step(end, draw(NUMERATORS), draw(DENOMINATORS)) for end in ends)
    return GraduatedPrice(draw(st.integers(0, 1_000)), steps)


def naive(price: GraduatedPrice, quantity: int) -> int:
    """Walk unit by unit, adding the exact rate of each."""
    exact = Fraction(0)
    for unit in range(1, quantity + 1):
        step = next(one for one in price.steps if one.up_to is None or unit <= one.up_to)
        exact += Fraction(step.numerator, step.denominator)
    return price.base + ceil(exact)


@given(AMOUNTS, QUANTITIES)
def test_a_flat_price_is_the_same_whatever_the_quantity(credits: int, quantity: int) -> None:
    assert FlatPrice(credits).cost(quantity) == credits


@given(AMOUNTS, AMOUNTS, RATIOS, QUANTITIES)
def test_a_unit_price_is_the_exact_ratio_rounded_up_once(
    base: int, numerator: int, denominator: int, quantity: int
) -> None:
    cost = UnitPrice(base, numerator, denominator).cost(quantity)
    assert cost == base + ceil(Fraction(quantity * numerator, denominator))


@given(AMOUNTS, RATIOS, AMOUNTS, QUANTITIES)
def test_a_block_price_counts_started_blocks(
    base: int, block: int, credits: int, quantity: int
) -> None:
    started = ceil(Fraction(quantity, block))
    assert BlockPrice(base, block, credits).cost(quantity) == base + started * credits


@given(graduated(), st.integers(1, 400))
def test_a_graduated_price_equals_the_naive_sum_of_fractions(
    price: GraduatedPrice, quantity: int
) -> None:
    assert price.cost(quantity) == naive(price, quantity)


@given(graduated(), st.integers(1, 10**12))
def test_portions_of_a_graduated_price_cover_the_quantity_without_gaps(
    price: GraduatedPrice, quantity: int
) -> None:
    reached = 0
    for step, below, units in price.portions(quantity):
        assert below == reached
        assert units > 0
        reached = below + units
        assert step.up_to is None or reached <= step.up_to
    assert reached == quantity


@given(graduated(), st.integers(1, 500), st.integers(0, 500))
def test_a_larger_job_never_costs_less(price: GraduatedPrice, small: int, more: int) -> None:
    assert price.cost(small + more) >= price.cost(small)


@given(AMOUNTS, RATIOS, QUANTITIES, QUANTITIES)
def test_splitting_a_job_never_makes_it_cheaper(
    numerator: int, denominator: int, first: int, second: int
) -> None:
    price = UnitPrice(0, numerator, denominator)
    assert price.cost(first + second) <= price.cost(first) + price.cost(second)
    assert price.cost(first + second) >= price.cost(first) + price.cost(second) - 1


def test_steps_are_rounded_together_and_not_one_by_one() -> None:
    halves = GraduatedPrice(0, (Step(1, 1, 2), Step(None, 1, 2)))
    assert halves.cost(1) == 1
    assert halves.cost(2) == 1  # rounding each step would make it 2
    assert halves.cost(3) == 2


def test_the_last_unit_of_a_step_is_priced_by_that_step() -> None:
    price = GraduatedPrice(0, (Step(10, 5, 1), Step(None, 1, 1)))
    assert (price.cost(10), price.cost(11)) == (50, 51)
