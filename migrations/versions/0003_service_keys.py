"""Service keys of the signed door, their units of the day, and nonces that were used."""

from alembic import op

from migrations.sql import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of the signed door."""
    run(op.get_bind(), "0003_service_keys")
