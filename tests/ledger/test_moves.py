"""What the database moves by itself is what the plain twin of its triggers moves (law 5)."""

from typing import Any

import pytest
import sqlalchemy as sa

from portal.ledger.tables import metadata
from tests.ledger.conftest import Lived
from tests.ledger.twin import Row, Tables, Twin, replay

MOVED = ("accounts", "grants", "holds", "usage_days")


@pytest.fixture(scope="module")
def tables(lived: Lived) -> Tables:
    """Every row of every table by name."""
    with lived.database.reading() as connection:
        return {
            name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for name, table in metadata.tables.items()
        }


def moved(twin: Twin, table: str) -> list[Row]:
    rows: dict[str, dict[Any, Row]] = {
        "accounts": twin.accounts,
        "grants": twin.grants,
        "holds": twin.holds,
        "usage_days": twin.usage,
    }
    return list(rows[table].values())


def in_order(rows: list[Row]) -> list[Row]:
    plain = [{name: row[name] for name in sorted(row) if name != "touched"} for row in rows]
    return sorted(plain, key=repr)


@pytest.mark.parametrize("table", MOVED)
def test_rows_that_only_the_database_moves_are_those_of_the_twin(
    tables: Tables, table: str
) -> None:
    assert tables[table]
    assert in_order(tables[table]) == in_order(moved(replay(tables), table))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("entries", "amount"),
        ("entries", "hold_amount"),
        ("entries", "occurred_at"),
        ("draws", "amount"),
        ("account_revisions", "tier"),
    ],
)
def test_the_twin_moves_otherwise_when_a_row_says_otherwise(
    tables: Tables, table: str, column: str
) -> None:
    changed = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    for row in changed[table]:
        row[column] = row[column] + ("?" if column == "tier" else 10**12)
    twin = replay(changed)
    assert any(in_order(tables[name]) != in_order(moved(twin, name)) for name in MOVED)
