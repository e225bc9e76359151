"""Entries of an append that are one for each account are proved by what moves their accounts."""

from alembic import op

from migrations.sql import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Put the guard in place of the one before: what is refused stays refused."""
    run(op.get_bind(), "0011_one_each")
