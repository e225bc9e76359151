"""The tables Core knows are the tables the migration made, on both databases."""

import sqlalchemy as sa

from portal import identity
from portal.database import Database


def test_tables_and_columns_are_those_of_the_database(database: Database) -> None:
    with database.reading() as connection:
        for table in identity.metadata.sorted_tables:
            found = connection.execute(sa.select(table).limit(0)).keys()
            assert list(found) == [column.name for column in table.columns]


def test_roles_are_the_ones_the_check_allows() -> None:
    checks = identity.metadata.tables["people"].constraints
    text = " ".join(str(check.sqltext) for check in checks if isinstance(check, sa.CheckConstraint))
    assert all(f"'{role}'" in text for role in identity.ROLES)
