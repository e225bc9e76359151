"""The tables that hold the ledger itself, as SQLAlchemy Core knows them.

Times are UTC microseconds in BIGINT on both databases. Triggers and roles
live beside the migrations: they are what keeps these tables append-only.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, KINDS, ORIGINS, STATUSES

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_foreign",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
    }
)
# 64 bits on both: SQLite names its one integer type INTEGER.
Big: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STRICT: Final[dict[str, Any]] = {"sqlite_strict": True}
ROWLESS: Final[dict[str, Any]] = {"sqlite_strict": True, "sqlite_with_rowid": False}
# Rows that are moved again and again find room for their next version on their own page.
MOVED: Final[dict[str, Any]] = {"postgresql_with": {"fillfactor": 50}}


def one_of(column: str, words: tuple[str, ...]) -> str:
    """SQL that a column holds one of a fixed set of words."""
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def where(name: str, columns: tuple[str, ...], rule: str, *, unique: bool = False) -> sa.Index:
    """An index over the rows that keep a rule, alike on both databases."""
    only = sa.text(rule)
    return sa.Index(name, *columns, unique=unique, postgresql_where=only, sqlite_where=only)


def one_per(name: str, columns: tuple[str, ...], rule: str) -> sa.Index:
    """At most one row per columns among those that keep a rule."""
    return where(name, columns, rule, unique=True)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("tier", Text, nullable=False, server_default=""),
    Column("next_tier", Text),
    Column("status", Text, nullable=False, server_default="active"),
    Column("overdraft_limit", Big, nullable=False, server_default="0"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("anchor_at", Big, nullable=False, server_default="0"),
    Column("period_start", Big, nullable=False, server_default="0"),
    Column("period_end", Big, nullable=False, server_default="0"),
    Column("posted", Big, nullable=False, server_default="0"),
    Column("held", Big, nullable=False, server_default="0"),
    Column("seq", Big, nullable=False, server_default="0"),
    Column("head_hash", LargeBinary, nullable=False),
    Column("changed_at", Big, nullable=False, server_default="0"),
    Column("next_due_at", Big),
    Column("revision", Big, nullable=False, server_default="0"),
    Column("revision_hash", LargeBinary, nullable=False),
    Column("created_at", Big, nullable=False),
    # The application may UPDATE this column and no other: PostgreSQL lends a row lock only
    # to those who may update something. Nothing reads it.
    Column("touched", Integer, nullable=False, server_default="0"),
    Column("caps", Text),
    sa.CheckConstraint("held >= 0", name="held"),
    sa.CheckConstraint("overdraft_limit >= 0", name="overdraft_limit"),
    sa.CheckConstraint(f"abs(posted) <= {BALANCE_MAX}", name="posted"),
    sa.CheckConstraint(one_of("status", STATUSES), name="status"),
    sa.Index(None, "next_due_at"),
    **STRICT,
    **MOVED,
)

revisions = Table(
    "account_revisions",
    metadata,
    Column("account_id", Text, sa.ForeignKey("accounts.id"), primary_key=True),
    Column("revision", Big, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("next_tier", Text),
    Column("status", Text, nullable=False),
    Column("overdraft_limit", Big, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("anchor_at", Big, nullable=False),
    Column("period_start", Big, nullable=False),
    Column("period_end", Big, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text),
    Column("as_of_seq", Big, nullable=False),
    Column("occurred_at", Big, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("caps", Text),
    **ROWLESS,
)

entries = Table(
    "entries",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("amount", Big, nullable=False),
    Column("hold_amount", Big, nullable=False),
    Column("posted_after", Big, nullable=False),
    Column("held_after", Big, nullable=False),
    Column("due_after", Big),
    Column("reason", Text, nullable=False),
    Column("reference_type", Text),
    Column("reference_id", Text),
    Column("operation", Text),
    Column("quantity", Big),
    Column("tariff", Text),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_id", Text),
    Column("idempotency_key", Text),
    Column("hold_id", Text),
    Column("reverses_id", Text),
    Column("resolution", Text),
    Column("expires_at", Big),
    Column("approved_by", Text),
    Column("note", Text),
    Column("labels", Text),
    Column("metadata", Text),
    Column("occurred_at", Big, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("grant_id", Text),
    sa.CheckConstraint(one_of("kind", KINDS), name="kind"),
    sa.CheckConstraint(
        f"abs(amount) <= {AMOUNT_MAX} AND abs(hold_amount) <= {AMOUNT_MAX}", name="size"
    ),
    sa.CheckConstraint(
        "CASE kind"
        " WHEN 'grant' THEN amount >= 0 AND hold_amount = 0"
        " WHEN 'debit' THEN amount <= 0 AND hold_amount = 0"
        " WHEN 'hold' THEN amount = 0 AND hold_amount >= 0 AND hold_id IS NOT NULL"
        " WHEN 'capture' THEN amount <= 0 AND hold_amount <= amount AND hold_id IS NOT NULL"
        " WHEN 'release' THEN amount = 0 AND hold_amount <= 0 AND hold_id IS NOT NULL"
        " AND resolution IS NOT NULL"
        " WHEN 'expiry' THEN amount <= 0 AND hold_amount = 0"
        " WHEN 'refund' THEN amount >= 0 AND hold_amount = 0 AND reverses_id IS NOT NULL"
        " ELSE hold_amount = 0 AND approved_by IS NOT NULL END",
        name="shape",
    ),
    sa.CheckConstraint(
        "resolution IS NULL OR (resolution = 'captured' AND kind = 'capture')"
        " OR (resolution IN ('released', 'expired') AND kind = 'release')",
        name="resolution",
    ),
    sa.CheckConstraint("seq > 0", name="seq"),
    # On PostgreSQL a guard looks up the account of every entry in any case.
    sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]).ddl_if(dialect="sqlite"),
    one_per("entries_one_resolution_per_hold", ("hold_id",), "resolution IS NOT NULL"),
    one_per(
        "entries_one_late_capture_per_hold", ("hold_id",), "kind = 'debit' AND hold_id IS NOT NULL"
    ),
    one_per(
        "entries_one_debit_per_reference",
        ("reference_id", "account_id", "operation", "reference_type"),
        "kind = 'debit'",
    ),
    one_per(
        "entries_one_grant_per_payment",
        ("reference_type", "reference_id"),
        "kind = 'grant' AND reference_type = 'payment'",
    ),
    one_per(
        "entries_one_allocation_per_period",
        ("account_id", "reference_id"),
        "kind = 'grant' AND reference_type = 'period' AND reason <> 'rollover'",
    ),
    where("entries_by_hold", ("hold_id", "seq"), "hold_id IS NOT NULL"),
    where("entries_by_reversed", ("reverses_id",), "reverses_id IS NOT NULL"),
    where(  # debits are found by the unique index above
        "entries_by_reference",
        ("reference_id", "account_id", "seq"),
        "kind <> 'debit' AND reference_id IS NOT NULL",
    ),
    # Most entries are debits: those are as soon found among all, and cost no second index.
    where("entries_by_kind", ("account_id", "kind", "seq"), "kind <> 'debit'"),
    **STRICT,
)

grants = Table(
    "grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("seq", Big, nullable=False),
    Column("origin", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("amount", Big, nullable=False),
    Column("effective_at", Big, nullable=False),
    Column("expires_at", Big),
    Column("operations", Text),
    Column("parent_id", Text),
    Column("remaining", Big, nullable=False, server_default="0"),
    Column("pinned", Big, nullable=False, server_default="0"),
    # What an index asks must not change with every draw, or PostgreSQL writes all indexes anew.
    Column("funded", Integer, sa.Computed("CASE WHEN remaining > 0 THEN 1 ELSE 0 END")),
    sa.CheckConstraint(one_of("origin", ORIGINS), name="origin"),
    sa.CheckConstraint(f"amount BETWEEN 0 AND {AMOUNT_MAX}", name="amount"),
    sa.CheckConstraint("pinned >= 0 AND pinned <= remaining", name="pinned"),
    sa.CheckConstraint("expires_at IS NULL OR expires_at > effective_at", name="life"),
    sa.ForeignKeyConstraint(
        ["account_id", "seq"],
        ["entries.account_id", "entries.seq"],
        deferrable=True,
        initially="DEFERRED",
    ),
    where("grants_with_credits", ("account_id",), "funded = 1"),
    sa.Index("grants_by_account", "account_id", "seq"),
    **STRICT,
    **MOVED,
)

draws = Table(
    "draws",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("grant_id", Text),
    Column("amount", Big, nullable=False),
    Column("pinned", Big, nullable=False),
    sa.ForeignKeyConstraint(
        ["account_id", "seq"],
        ["entries.account_id", "entries.seq"],
        deferrable=True,
        initially="DEFERRED",
    ).ddl_if(dialect="sqlite"),  # on PostgreSQL a guard sees the entries of the same statement
    where("draws_on_overdraft", ("account_id", "amount", "pinned"), "grant_id IS NULL"),
    **ROWLESS,
)

holds = Table(
    "holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("seq", Big, nullable=False),
    Column("service", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("quantity", Big, nullable=False),
    Column("tariff", Text, nullable=False),
    Column("reference_type", Text, nullable=False),
    Column("reference_id", Text, nullable=False),
    Column("amount", Big, nullable=False),
    Column("captured", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("status", Text, nullable=False),
    Column("resolved_seq", Big),
    sa.CheckConstraint(
        one_of("status", ("open", "captured", "released", "expired")), name="status"
    ),
    sa.CheckConstraint("captured BETWEEN 0 AND amount", name="captured"),
    where("holds_open", ("account_id", "expires_at"), "status = 'open'"),
    one_per(
        "holds_one_per_reference",
        ("reference_id", "account_id", "operation", "reference_type"),
        "status IN ('open', 'captured')",
    ),
    **STRICT,
)
