"""How rows become values."""

import sqlalchemy as sa

from portal.ledger import rows
from portal.ledger.model import Account, Entry
from portal.ledger.tables import accounts, entries
from tests.ledger.conftest import Lived


def test_it_selects_the_columns_of_a_value_in_its_order_and_no_other() -> None:
    statement = rows.reading(accounts, Account)
    assert tuple(statement.selected_columns.keys()) == Account._fields
    assert "touched" in accounts.c
    assert "touched" not in Account._fields


def test_every_row_becomes_a_value_and_the_first_one_may_be_missing(lived: Lived) -> None:
    statement = rows.reading(entries, Entry).where(entries.c.account_id == sa.bindparam("kind"))
    with lived.database.reading() as connection:
        found = rows.every(connection, Entry, statement, kind="cy")
        assert all(isinstance(entry, Entry) for entry in found)
        assert rows.first(connection, Entry, statement, kind="nobody") is None
        first = rows.first(connection, Entry, statement.order_by(entries.c.seq), kind="cy")
    assert first == min(found, key=lambda entry: entry.seq)


def test_a_total_is_a_whole_number_also_over_nothing(lived: Lived) -> None:
    statement = sa.select(rows.total(entries.c.amount))
    with lived.database.reading() as connection:
        for account, expected in (("nobody", 0), ("cy", 1_000)):
            found = connection.execute(statement.where(entries.c.account_id == account))
            total = found.scalar_one()
            assert (type(total), total) == (int, expected)
