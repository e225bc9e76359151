"""People who may sign in, their sessions, and attempts to sign in; profiles name the owner."""

from alembic import op

from migrations.sql import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of the front desk, and let the profiles view say whose an account is."""
    run(op.get_bind(), "0002_people")
