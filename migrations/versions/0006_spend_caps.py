"""Caps of accounts on what they may spend, kept as terms of the account."""

from alembic import op

from migrations.sql import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the caps to accounts and their revisions; only a revision changes them."""
    run(op.get_bind(), "0006_spend_caps")
