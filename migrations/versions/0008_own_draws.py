"""Entries that draw on one grant say so themselves; a draw of its own is for those on several."""

from alembic import op

from migrations.sql import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the grant to entries; what was drawn before stays where it is."""
    run(op.get_bind(), "0008_own_draws")
