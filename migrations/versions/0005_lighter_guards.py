"""Lighter guards: grants that a draw moves without touching an index, entries proved at once."""

from alembic import op

from migrations.sql import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Change what costs each debit most; what is refused stays refused."""
    run(op.get_bind(), "0005_lighter_guards")
