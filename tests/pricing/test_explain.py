"""The arithmetic in words: exact lines, and that they always end in the quote."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.pricing import (
    BlockPrice,
    QuantityError,
    Tariff,
    UnitPrice,
    UnknownOperationError,
    explain,
    plural,
    quote,
    rate,
    shipped_tariff,
)

LINES = {
    ("flat", 3): ["500 credits per job, whatever the quantity"],
    ("unit", 1): [
        "1 character × 2 credits per 3 characters = 2/3, rounded up to 1 credit",
        "plus 3 credits per job = 4 credits",
        "minimum for one job: 10 credits",
    ],
    ("unit", 12): [
        "12 characters × 2 credits per 3 characters = 8 credits",
        "plus 3 credits per job = 11 credits",
    ],
    ("unit", 2_000): [
        "2,000 characters × 2 credits per 3 characters = 1,333 1/3, rounded up to 1,334 credits",
        "plus 3 credits per job = 1,337 credits",
        "maximum for one job: 1,000 credits",
    ],
    ("block", 60): [
        "60 seconds = 1 started block of 60 seconds; 1 × 7 credits = 7 credits",
        "plus 1 credit per job = 8 credits",
    ],
    ("block", 61): [
        "61 seconds = 2 started blocks of 60 seconds; 2 × 7 credits = 14 credits",
        "plus 1 credit per job = 15 credits",
    ],
    ("graduated.big", 16): [
        "queries 1 to 10: 10 × 1 credit per query = 10",
        "queries 11 to 15: 5 × 2 credits per 3 queries = 3 1/3",
        "query 16: 1 × 1 credit per 7 queries = 1/7",
        "sum = 13 10/21, rounded up to 14 credits",
        "plus 2 credits per job = 16 credits",
    ],
}


@pytest.mark.parametrize(("job", "lines"), LINES.items())
def test_the_lines(tariff: Tariff, job: tuple[str, int], lines: list[str]) -> None:
    assert list(explain(tariff, *job)) == lines


def test_the_shipped_prices_in_words() -> None:
    lines = explain(shipped_tariff(), "generate", 1_204)
    assert lines == ("1,204 characters × 1 credit per character = 1,204 credits",)


def test_a_block_of_one_unit_is_that_unit() -> None:
    from portal.pricing.explain import _arithmetic

    price = BlockPrice(0, 1, 4)
    assert _arithmetic(price, 3, "voice") == ["3 voices × 4 credits = 12 credits"]
    assert rate(price, "voice") == "4 credits per voice"


@given(
    st.sampled_from(["flat", "unit", "block", "graduated.big"]),
    st.integers(1, 10**9),
)
def test_the_last_credits_told_are_the_quote(tariff: Tariff, operation: str, n: int) -> None:
    told = re.findall(r"([\d,]+) credits?", explain(tariff, operation, n)[-1])
    assert int(told[-1].replace(",", "")) == quote(tariff, operation, n).credits


def test_it_refuses_what_quote_refuses(tariff: Tariff) -> None:
    with pytest.raises(QuantityError):
        explain(tariff, "flat", 0)
    with pytest.raises(UnknownOperationError):
        explain(tariff, "nothing", 1)


def test_rates_in_words(tariff: Tariff) -> None:
    rates = {name: rate(one.price, one.unit) for name, one in tariff.operations.items()}
    assert rates == {
        "flat": "500 credits per job",
        "unit": "3 credits per job, plus 2 credits per 3 characters",
        "block": "1 credit per job, plus 7 credits per started block of 60 seconds",
        "graduated.big": "2 credits per job, plus 1 credit per query up to 10; "
        "2 credits per 3 queries up to 15; 1 credit per 7 queries beyond",
    }
    assert rate(UnitPrice(0, 1, 1), "character") == "1 credit per character"


def test_one_open_step_is_a_plain_rate() -> None:
    from portal.pricing import GraduatedPrice, Step

    assert rate(GraduatedPrice(0, (Step(None, 1, 2),)), "voice") == "1 credit per 2 voices"


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("voice", "voices"),
        ("query", "queries"),
        ("day", "days"),
        ("batch", "batches"),
        ("box", "boxes"),
        ("y", "ys"),
    ],
)
def test_plurals(noun: str, many: str) -> None:
    assert plural(noun) == many
