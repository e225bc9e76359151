"""Indexes of references begin with the reference, whose newest come last."""

from alembic import op

from migrations.sql import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the indexes anew; no row changes."""
    run(op.get_bind(), "0009_references_first")
