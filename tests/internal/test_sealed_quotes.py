"""Quotes that are kept nowhere: the id alone tells what was quoted, and cannot be made up."""

import pytest

from portal import pricing
from portal.internal.errors import ValidationError
from portal.internal.sealed_quotes import Quoted, open_quote, quote_expired, seal_quote
from portal.internal.times import write_time

SECRET = b"s" * 32
NOW = 1_795_355_520_123_456
TARIFF = pricing.shipped_tariff()
TARIFFS = pricing.Tariffs([TARIFF])


def quoted() -> Quoted:
    return seal_quote(SECRET, TARIFF, "acme", "generate", 1204, NOW)


def test_a_quote_opens_for_what_it_was_made_for() -> None:
    made = quoted()
    assert open_quote(SECRET, TARIFFS, made.id, "acme", "generate", 1204) == made
    assert made.tariff == TARIFF.name
    assert made.id.startswith("qte_")
    assert len(made.id) == 44


def test_it_is_good_for_half_an_hour_to_the_millisecond() -> None:
    assert quoted().expires_at == NOW // 1000 * 1000 + 1_800_000_000
    assert write_time(quoted().expires_at) in str(quote_expired(quoted()))


@pytest.mark.parametrize(
    ("account", "operation", "quantity"),
    [("acme2", "generate", 1204), ("acme", "design", 1204), ("acme", "generate", 1205)],
)
def test_it_opens_for_nothing_else(account: str, operation: str, quantity: int) -> None:
    with pytest.raises(ValidationError):
        open_quote(SECRET, TARIFFS, quoted().id, account, operation, quantity)


def test_no_character_of_it_can_be_changed() -> None:
    made = quoted().id
    for at in range(len(made)):
        forged = made[:at] + ("1" if made[at] == "0" else "0") + made[at + 1 :]
        with pytest.raises(ValidationError):
            open_quote(SECRET, TARIFFS, forged, "acme", "generate", 1204)


@pytest.mark.parametrize("forged", ["qte_", "qte_zzzzzzzzzzzz", "qte_" + "0" * 40, "é" * 44, ""])
def test_nothing_else_opens(forged: str) -> None:
    with pytest.raises(ValidationError):
        open_quote(SECRET, TARIFFS, forged, "acme", "generate", 1204)


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(ValidationError):
        open_quote(b"t" * 32, TARIFFS, quoted().id, "acme", "generate", 1204)


def test_quotes_sort_by_when_they_were_made() -> None:
    later = seal_quote(SECRET, TARIFF, "acme", "generate", 1, NOW + 1_000_000)
    assert quoted().id < later.id
