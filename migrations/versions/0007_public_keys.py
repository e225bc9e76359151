"""Public keys of services that sign with a key pair of their own."""

from alembic import op

from migrations.sql import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Give keys of the signed door a place for a public key."""
    run(op.get_bind(), "0007_public_keys")
