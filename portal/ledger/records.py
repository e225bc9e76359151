"""Tables beside the entries: answered keys, refusals, the usage cache, tariffs, the view."""

import sqlalchemy as sa
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

from portal.ledger.tables import MOVED, ROWLESS, STRICT, Big, metadata

requests = Table(
    "requests",
    metadata,
    Column("service", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("seq", Big),
    Column("refusal_id", Text),
    Column("body", Text, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sa.CheckConstraint("(seq IS NULL) <> (refusal_id IS NULL)", name="outcome"),
    **ROWLESS,
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, sa.ForeignKey("accounts.id"), nullable=False),
    Column("as_of_seq", Big, nullable=False),
    Column("command", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("operation", Text),
    Column("quantity", Big),
    Column("required", Big),
    Column("available", Big, nullable=False),
    Column("held", Big, nullable=False),
    Column("reference_type", Text),
    Column("reference_id", Text),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_id", Text),
    Column("idempotency_key", Text),
    Column("details", Text, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sa.Index("refusals_by_account", "account_id", "recorded_at"),
    **STRICT,
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("operation", Text, primary_key=True),
    Column("charged", Big, nullable=False),
    Column("refunded", Big, nullable=False),
    Column("quantity", Big, nullable=False),
    Column("jobs", Big, nullable=False),
    **ROWLESS,
    **MOVED,
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("effective_at", Big, nullable=False, unique=True),
    Column("sha256", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("published_at", Big, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    **STRICT,
)

# Derived, never written: what is left to spend, beside whose it is.
profiles = Table(
    "profiles",
    MetaData(),
    Column("account_id", Text, primary_key=True),
    Column("name", Text),
    Column("owner", Text),
    Column("tier", Text),
    Column("status", Text),
    Column("posted", Big),
    Column("held", Big),
    Column("credits_remaining", Big),
)
