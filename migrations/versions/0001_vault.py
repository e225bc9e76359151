"""The vault: its tables, the guards that keep it append-only, and the profiles view."""

from alembic import op

from migrations.sql import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the vault."""
    run(op.get_bind(), "0001_tables")
    run(op.get_bind(), "0001_guards")
