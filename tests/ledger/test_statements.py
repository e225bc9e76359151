"""How rows are written on SQLite: many to a statement, each once and in order."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from portal.ledger.statements import TOGETHER, Insert

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
