"""SELECTs by lists of keys: the same rows on both databases, each key looked up by itself."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from portal.database import Database
from portal.ledger import queries, replay
from portal.ledger.keyed import Keyed, listed
from portal.ledger.statements import TOGETHER, read_all
from tests.databases import Databases
from tests.ledger.conftest import Lived, fill

KEYED = {
    f"{module.__name__.rpartition('.')[2]}.{name}": each
    for module in (queries, replay)
    for name, each in vars(module).items()
    if isinstance(each, Keyed)
}
NUMBERS = (1, 2, 3, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER)


@pytest.fixture(scope="module")
def file(databases: Databases) -> Iterator[Path]:
    """A SQLite file with a history."""
    with databases.fresh("sqlite") as config:
        database = Database(config)
        fill(database)
        database.dispose()
        assert config.sqlite_file is not None
        yield config.sqlite_file


def rows_of(connection: sa.Connection, keyed: Keyed, wanted: list[Any]) -> list[Any]:
    [found] = read_all(connection, [(keyed, {"wanted": wanted})])
    return sorted(found, key=repr)


@pytest.mark.parametrize("number", NUMBERS)
def test_known_keys_are_found_among_any_number_of_others(lived: Lived, number: int) -> None:
    known = {"service": "studio", "key": ""}
    with lived.database.reading() as connection:
        known["service"], known["key"] = connection.execute(
            sa.text("SELECT service, key FROM requests ORDER BY key LIMIT 1")
        ).one()
        others = [(known["service"], f"nobody's-{place}") for place in range(number - 1)]
        for place in {0, number // 2, number - 1}:
            wanted = [*others[:place], (known["service"], known["key"]), *others[place:]]
            found = rows_of(connection, queries.REQUESTS, wanted)
            assert [row[:2] for row in found] == [(known["service"], known["key"])]
        assert rows_of(connection, queries.REQUESTS, others) == []


def test_every_debit_is_found_by_its_reference_and_no_other(lived: Lived) -> None:
    with lived.database.reading() as connection:
        debits = connection.execute(
            sa.text(
                "SELECT account_id, operation, reference_type, reference_id, id FROM entries"
                " WHERE kind = 'debit' AND reference_id IS NOT NULL"
            )
        ).fetchall()
        wanted = [tuple(row[:4]) for row in debits]
        assert len(wanted) > 5
        found = rows_of(connection, queries.DEBITED, wanted)
        assert found == sorted(map(tuple, debits), key=repr)
        strangers = [("nobody", *key[1:]) for key in wanted]
        assert rows_of(connection, queries.DEBITED, strangers) == []


def test_all_rows_of_a_key_that_has_many_are_found(lived: Lived) -> None:
    with lived.database.reading() as connection:
        rows = connection.execute(sa.text("SELECT account_id, seq FROM draws")).fetchall()
        places = sorted({tuple(row) for row in rows})
        found = rows_of(connection, replay.DRAWS, places)
        assert len(found) == len(rows) > len(places)
        assert {row[:2] for row in found} == set(places)


@pytest.mark.parametrize("odd", ["", "'", '"a"', "[1]", "null", "7", "ß\u200b€", "a\\b", "%s"])
def test_odd_keys_are_as_unknown_as_any(lived: Lived, odd: str) -> None:
    with lived.database.reading() as connection:
        for others in ([], [("studio", "k")], [("studio", "k")] * TOGETHER):
            assert rows_of(connection, queries.REQUESTS, [("studio", odd), *others]) == []


@pytest.mark.parametrize("name", KEYED)
def test_sqlite_looks_up_each_key_in_an_index(file: Path, name: str) -> None:
    keyed = KEYED[name]
    with closing(sqlite3.connect(file)) as driver:
        for number in (1, 2, TOGETHER):
            text = str(listed(keyed._keys, keyed._select, number).compile(dialect=sqlite.dialect()))
            values = [None] * (number * len(keyed._keys))
            plan = [row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values)]
            scans = [step for step in plan if re.match(r"SCAN (?!wanted|\d+ CONSTANT)", step)]
            assert scans == [], plan
            assert any(step.startswith("SEARCH") for step in plan)
