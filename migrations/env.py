"""Alembic's door: migrations run on the connection that `portal.database` opened for them."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=True,
    # On SQLite too: a migration that is interrupted was never begun.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
