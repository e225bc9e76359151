"""Publishing price lists: what is past keeps its price, and nobody is left without a plan."""

import pytest

from portal import pricing
from portal.database import Database
from portal.ledger import (
    Ids,
    PutAccount,
    TariffRefusedError,
    load_tariffs,
    post,
    publish_tariff,
)
from portal.ledger.model import MICROSECONDS
from portal.ledger.tariffs import LEAD_SECONDS

FIRST = pricing.shipped_tariff()
NOW = FIRST.effective_at + 40 * 86_400 * MICROSECONDS


def later(name: str, day: str, document: str = FIRST.document) -> pricing.Tariff:
    """A price list like the first, from another day on."""
    text = document.replace(f'"{FIRST.name}"', f'"{name}"').replace("2026-01-01T", f"{day}T")
    return pricing.parse_tariff(text, name)


def publish(database: Database, tariff: pricing.Tariff, now: int = NOW) -> None:
    with database.writing() as connection:
        publish_tariff(connection, tariff, now=now, published_by="olga@example.com")


def test_the_first_price_list_may_be_in_force_already(database: Database) -> None:
    publish(database, FIRST)
    with database.reading() as connection:
        assert load_tariffs(connection) == (FIRST,)


def test_a_price_list_is_published_once(database: Database) -> None:
    publish(database, FIRST)
    with pytest.raises(TariffRefusedError, match="published already"):
        publish(database, later(FIRST.name, "2027-01-01"))


def test_a_price_list_follows_all_that_are_published(database: Database) -> None:
    publish(database, FIRST)
    publish(database, later("2027-01", "2027-01-01"))
    with pytest.raises(TariffRefusedError, match="later than every published tariff"):
        publish(database, later("2026-12", "2026-12-01"))


def test_a_price_list_is_known_before_it_is_in_force(database: Database) -> None:
    publish(database, FIRST)
    soon = later("2027-01", "2027-01-01")
    with pytest.raises(TariffRefusedError, match="seconds from now"):
        publish(database, soon, now=soon.effective_at - LEAD_SECONDS * MICROSECONDS + 1)
    publish(database, soon, now=soon.effective_at - LEAD_SECONDS * MICROSECONDS)


def test_a_price_list_keeps_the_plans_that_accounts_are_on(database: Database) -> None:
    publish(database, FIRST)
    asked = PutAccount(account_id="ada", name="Ada", tier="scale")
    with database.writing() as connection:
        ids = Ids(lambda size: b"ada".rjust(size, b"."))
        post(connection, [asked], now=NOW, tariffs=pricing.Tariffs([FIRST]), ids=ids)
    without = FIRST.document.partition("[tiers.scale]")[0]
    with pytest.raises(TariffRefusedError, match="drops tiers that accounts are on: scale"):
        publish(database, later("2027-01", "2027-01-01", without))
