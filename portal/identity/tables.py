"""The tables of people and their sessions, as SQLAlchemy Core knows them.

Times are UTC microseconds. Nothing here holds credits: a person only points at an account.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

ROLES: Final = ("customer", "admin")

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_foreign",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
    }
)

people = Table(
    "people",
    metadata,
    Column("id", String, primary_key=True),
    Column("email", String, nullable=False, unique=True),
    Column("password_hash", String, nullable=False),
    # An admin may have no account of their own. The database holds the foreign key.
    Column("account_id", String),
    Column("role", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    CheckConstraint("role IN ('customer', 'admin')", name="role"),
    CheckConstraint("role = 'admin' OR account_id IS NOT NULL", name="account"),
    Index("people_account_id_index", "account_id", "created_at", "id"),
    sqlite_strict=True,
)

# `id` is the SHA-256 of the cookie's value: who reads this table cannot take a session over.
sessions = Table(
    "sessions",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("person_id", String, ForeignKey("people.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Index(None, "person_id"),
    Index(None, "created_at"),
    Index(None, "seen_at"),
    sqlite_strict=True,
)

# `id` is a digest of email, address or both: none is kept in clear for people who never got in.
# A place that somebody came in from is a row, too; its `first_at` is when an attempt would have to
# be made to be swept when the place is forgotten.
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    CheckConstraint("attempts > 0", name="attempts"),
    Index(None, "first_at"),
    sqlite_strict=True,
)
