"""How rows are written on SQLite: many to a statement, each once and in order."""

import sqlite3
from collections.abc import Collection
from contextlib import closing

import pytest
import sqlalchemy as sa

from portal.ledger.statements import TOGETHER, Insert, InsertBoth

NUMBERS = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("name", sa.Text))


@pytest.mark.parametrize("count", [0, 1, 2, 3, TOGETHER - 1, TOGETHER, TOGETHER + 1, 1_000])
def test_any_number_of_rows_is_written_in_order(count: int) -> None:
    rows = [(number, str(number)) for number in range(count)]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as driver:
        driver.execute("CREATE TABLE numbers (n INTEGER, name TEXT)")
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        Insert(NUMBERS).run(driver, rows)
        driver.set_trace_callback(None)
        assert driver.execute("SELECT n, name FROM numbers ORDER BY rowid").fetchall() == rows
    assert len(statements) <= count // TOGETHER + TOGETHER.bit_length()


@pytest.mark.parametrize("filled", [(), (0,), (TOGETHER,), range(TOGETHER + 3)])
def test_columns_that_no_row_fills_are_left_out(filled: Collection[int]) -> None:
    names = ("n", "a", "b", "z")
    table = sa.Table("wide", sa.MetaData(), *(sa.Column(name, sa.Integer) for name in names))
    rows = [(n, None, n if n in filled else None, -n) for n in range(TOGETHER + 3)]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as driver:
        driver.execute("CREATE TABLE wide (n, a, b, z)")
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        Insert(table, seldom=("a", "b")).run(driver, rows)
        driver.set_trace_callback(None)
        assert driver.execute("SELECT * FROM wide ORDER BY rowid").fetchall() == rows
    parts = [range(TOGETHER), range(TOGETHER, TOGETHER + 2), range(TOGETHER + 2, TOGETHER + 3)]
    for statement, part in zip(statements, parts, strict=True):
        assert ('"b"' in statement) == any(n in filled for n in part)


def test_others_wait_for_a_neighbour_of_their_account_that_has_none() -> None:
    ones, others = (
        sa.Table(name, sa.MetaData(), sa.Column("account", sa.Text), sa.Column("n", sa.Integer))
        for name in ("ones", "others")
    )
    given = {("a", 1): 0, ("a", 2): 1, ("b", 1): 2, ("b", 2): 0, ("b", 3): 1, ("c", 1): 0}
    rows = [(one, [(one[0], one[1])] * count) for one, count in given.items()]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as driver:
        driver.execute("CREATE TABLE log (name TEXT, account TEXT, n INTEGER)")
        for name in ("ones", "others"):
            driver.execute(f"CREATE TABLE {name} (account TEXT, n INTEGER)")
            driver.execute(
                f"CREATE TRIGGER {name}_log AFTER INSERT ON {name}"
                f" BEGIN INSERT INTO log VALUES ('{name}', NEW.account, NEW.n); END"
            )
        InsertBoth(Insert(ones), Insert(others)).run(driver, rows)
        log = driver.execute("SELECT name, account, n FROM log ORDER BY rowid").fetchall()
    assert sorted(log) == sorted(
        [("ones", *one) for one in given] + [("others", *one) for one, of in rows for _ in of]
    )
    for one, of_one in rows:
        for other in of_one:
            place = log.index(("others", *other))
            assert place < log.index(("ones", *one))
            bare = [row for row, none in rows if not none and row[0] == one[0] and row < one]
            assert all(log.index(("ones", *row)) < place for row in bare)
