"""Tables beside the entries: answered keys, refusals, the usage cache, tariffs, the view."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table

from portal.ledger.tables import ROWLESS, STRICT, metadata

requests = Table(
    "requests",
    metadata,
    Column("service", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("seq", BigInteger),
    Column("refusal_id", String),
    Column("body", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sa.CheckConstraint("(seq IS NULL) <> (refusal_id IS NULL)", name="outcome"),
    **ROWLESS,
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, sa.ForeignKey("accounts.id"), nullable=False),
    Column("as_of_seq", BigInteger, nullable=False),
    Column("command", String, nullable=False),
    Column("code", String, nullable=False),
    Column("operation", String),
    Column("quantity", BigInteger),
    Column("required", BigInteger),
    Column("available", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("reference_type", String),
    Column("reference_id", String),
    Column("actor_kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("key_id", String),
    Column("idempotency_key", String),
    Column("details", String, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sa.Index("refusals_by_account", "account_id", "recorded_at"),
    **STRICT,
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("operation", String, primary_key=True),
    Column("charged", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    **ROWLESS,
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("name", String, primary_key=True),
    Column("effective_at", BigInteger, nullable=False, unique=True),
    Column("sha256", String, nullable=False),
    Column("document", String, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("published_by", String, nullable=False),
    **STRICT,
)

# Derived, never written: what is left to spend, beside whose it is.
profiles = Table(
    "profiles",
    MetaData(),
    Column("account_id", String, primary_key=True),
    Column("name", String),
    Column("owner", String),
    Column("tier", String),
    Column("status", String),
    Column("posted", BigInteger),
    Column("held", BigInteger),
    Column("credits_remaining", BigInteger),
)
