"""What tests of people share: a migrated database with one account, and a fixed instant."""

import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from portal import ledger, pricing
from portal.database import Database

NOW = 1_795_355_520_250_000  # 2026-11-22T13:52:00.250000Z
PASSWORD = "correct horse battery"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A connection that may write, with the account `acme` in its database."""
    tariff = pricing.shipped_tariff()
    with database.writing() as opened:
        ledger.publish_tariff(opened, tariff, now=NOW, published_by="tests")
        ledger.post(
            opened,
            [ledger.PutAccount(account_id="acme", name="Acme", tier="free")],
            now=NOW,
            tariffs=pricing.Tariffs([tariff]),
            ids=ledger.Ids(secrets.token_bytes),
        )
    with database.writing() as opened:
        yield opened
