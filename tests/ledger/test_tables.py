"""portal/ledger/tables.py and its like: what the code says of a table is what migrations made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from portal import identity
from portal.config import Config
from portal.database.upgrading import owner_connection
from portal.internal.keys import metadata as keys
from portal.ledger.tables import metadata as vault

DESCRIBED = {"vault": vault, "identity": identity.metadata, "keys": keys}
VIEWS = {"profiles"}


@pytest.fixture
def owner(config: Config) -> Iterator[sa.Connection]:
    """A connection that may look at the schema, which the portal's own may not."""
    with owner_connection(config) as connection:
        yield connection


def described() -> dict[str, sa.Table]:
    return {
        name: table
        for metadata in DESCRIBED.values()
        for name, table in metadata.tables.items()
        if name not in VIEWS
    }


def test_migrations_make_the_tables_that_are_described(owner: sa.Connection) -> None:
    made = set(sa.inspect(owner).get_table_names()) - {"alembic_version"}
    assert made == set(described())


def test_each_column_is_as_described(owner: sa.Connection) -> None:
    inspector = sa.inspect(owner)
    for name, table in described().items():
        made = {c["name"]: c["nullable"] for c in inspector.get_columns(name)}
        assert made == {column.name: column.nullable for column in table.columns}, name
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key.columns], name


def test_each_check_and_index_is_as_described(owner: sa.Connection) -> None:
    inspector = sa.inspect(owner)
    for name, table in described().items():
        checks = {check["name"] for check in inspector.get_check_constraints(name)}
        wanted = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
        assert checks == wanted, name
        indexes = {
            i["name"] for i in inspector.get_indexes(name) if "duplicates_constraint" not in i
        }
        assert indexes == {str(index.name) for index in table.indexes}, name


def of_others(metadata: sa.MetaData, dialect: str) -> set[object]:
    """The names of constraints that are meant for the other database alone."""
    constraints = [each for table in metadata.tables.values() for each in table.constraints]
    rules = [(each.name, each._ddl_if) for each in constraints if each._ddl_if]
    return {name for name, rule in rules if rule.dialect != dialect}


def test_migrating_further_would_change_nothing(owner: sa.Connection) -> None:
    context = MigrationContext.configure(owner, opts={"compare_type": False})
    for metadata in DESCRIBED.values():
        mine = set(metadata.tables)
        differences = [
            difference
            for difference in compare_metadata(context, metadata)
            if not str(difference[0]).startswith("remove_")  # the other rooms' tables
        ]
        meant = VIEWS | of_others(metadata, context.dialect.name)
        assert [d for d in differences if getattr(d[1], "name", None) not in meant] == [], mine
