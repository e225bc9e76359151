"""Parts of an audit: each row of a table in one of its ranges, and only there."""

from typing import Any

import pytest
import sqlalchemy as sa

from portal.ledger.parts import KEYS, Key, Part, named
from portal.ledger.records import refusals, requests
from portal.ledger.tables import entries, holds
from tests.ledger.conftest import Lived

TABLES = {"entries": entries, "holds": holds, "refusals": refusals, "requests": requests}


def ordered(key: Key) -> sa.Select[Any]:
    columns: tuple[Any, ...] = key.columns
    return sa.select(*columns).order_by(*columns)


@pytest.mark.parametrize("name", TABLES)
def test_wherever_a_table_is_cut_each_row_is_in_one_part(lived: Lived, name: str) -> None:
    key = KEYS[name]
    statement = ordered(key)
    with lived.database.reading() as connection:
        whole = [tuple(row) for row in connection.execute(statement)]
        assert len(whole) > 3
        for end in whole:
            parts = (Part(name, None, end), Part(name, end, None))
            found = [connection.execute(*key.within(statement, each)).all() for each in parts]
            assert [tuple(row) for rows in found for row in rows] == whole
            assert found[0][-1] == end


def test_a_part_between_two_keys_begins_after_one_and_ends_with_the_other(lived: Lived) -> None:
    key = KEYS["requests"]
    statement = ordered(key)
    with lived.database.reading() as connection:
        whole = [tuple(row) for row in connection.execute(statement)]
        part = Part("requests", whole[2], whole[5])
        assert connection.execute(*key.within(statement, part)).all() == whole[3:6]


def test_of_one_account_there_are_its_rows_alone(lived: Lived) -> None:
    key = Key(holds.c.account_id, holds.c.id)
    statement = sa.select(holds.c.account_id)
    with lived.database.reading() as connection:
        found = connection.execute(*key.within(statement, Part("holds", only="ada"))).scalars()
        assert set(found) == {"ada"}


def test_values_of_a_key_have_the_names_of_its_parameters() -> None:
    assert named("after", ("studio", "key-1")) == {"after_0": "studio", "after_1": "key-1"}
    assert named("after", ()) == {}
