"""Refunds give something back, and to each grant no more than was taken from it."""

from alembic import op

from migrations.sql import run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the guards; what was refunded before is not looked at."""
    run(op.get_bind(), "0010_refunds")
