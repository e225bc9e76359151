"""Published tariffs: stored with their SHA-256, never edited, each from its own instant on."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal import pricing
from portal.ledger.chain import tariff_hash
from portal.ledger.errors import TariffRefusedError
from portal.ledger.model import GENESIS, MICROSECONDS, Published
from portal.ledger.records import tariffs
from portal.ledger.tables import accounts

LEAD_SECONDS = 5


def load_tariffs(connection: Connection) -> pricing.Tariffs:
    """All published tariffs, parsed; empty before the first. Raises pricing.TariffError."""
    rows = connection.execute(sa.select(tariffs.c.document, tariffs.c.name))
    return pricing.Tariffs(pricing.parse_tariff(text, f"tariff {name}") for text, name in rows)


def publish_tariff(
    connection: Connection, tariff: pricing.Tariff, *, now: int, published_by: str
) -> None:
    """Store a validated tariff. Raises TariffRefusedError where it would change what is past.

    Only the first may take effect before `now`: usage already priced keeps its price. Any other
    one is known to every process, each of which looks for them once a second, before it prices.
    Rule: ledger.md §8.
    """
    known = load_tariffs(connection)
    if any(tariff.name == each.name for each in known):
        raise TariffRefusedError(tariff.name, "is published already; give the change a new name")
    in_use = connection.execute(sa.select(accounts.c.tier).union(sa.select(accounts.c.next_tier)))
    dropped = sorted(tier for (tier,) in in_use if tier and tier not in tariff.tiers)
    if dropped:
        rule = f"drops tiers that accounts are on: {', '.join(dropped)}"
        raise TariffRefusedError(tariff.name, rule)
    if known and tariff.effective_at <= known.latest.effective_at:
        rule = "must take effect later than every published tariff"
        raise TariffRefusedError(tariff.name, rule)
    if known and tariff.effective_at < now + LEAD_SECONDS * MICROSECONDS:
        rule = f"must take effect at least {LEAD_SECONDS} seconds from now"
        raise TariffRefusedError(tariff.name, rule)
    row = Published(
        tariff.name,
        tariff.effective_at,
        tariff.sha256,
        tariff.document,
        now,
        published_by,
        GENESIS,
    )
    row = row._replace(hash=tariff_hash(row))
    connection.execute(tariffs.insert().values(row._asdict()))
