"""Caps of keys for single operations, ends that may only come sooner, and their last uses."""

from alembic import op

from migrations.sql import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create what keys of the signed door may further be bound to."""
    run(op.get_bind(), "0004_key_terms")
