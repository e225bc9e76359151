"""Errors carry the numbers needed to act, and are one family."""

import pytest

from portal import pricing
from portal.pricing import Fault, PricingError, QuantityError, TariffError


def test_a_tariff_error_tells_every_fault_with_file_key_and_rule() -> None:
    error = TariffError("a.toml", (Fault("tiers.pro", "is missing"), Fault("name", "is odd")))
    assert str(error) == "a.toml: tiers.pro: is missing\na.toml: name: is odd"
    assert (error.source, len(error.faults)) == ("a.toml", 2)


@pytest.mark.parametrize("name", [name for name in pricing.__all__ if name.endswith("Error")])
def test_every_error_is_one_of_the_price_lists(name: str) -> None:
    assert issubclass(getattr(pricing, name), PricingError)


def test_no_public_name_is_missing() -> None:
    assert all(hasattr(pricing, name) for name in pricing.__all__)
    assert len(set(pricing.__all__)) == len(pricing.__all__)


def test_a_monstrous_quantity_is_told_in_short() -> None:
    assert len(str(QuantityError(10**4_000, "is too large"))) < 80
    assert len(str(QuantityError("9" * 10_000, "is no number"))) < 80
