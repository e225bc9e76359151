"""Where an audit is cut into parts."""

from collections.abc import Iterable
from typing import Any

import pytest
import sqlalchemy as sa

from portal.config import Config
from portal.database import Database
from portal.ledger import cuts
from portal.ledger.cuts import account_parts, is_text, key_parts
from portal.ledger.model import GENESIS
from portal.ledger.parts import KEYS, Part
from portal.ledger.tables import accounts
from tests.databases import Databases
from tests.forgery import forging
from tests.ledger.conftest import Lived


def opened(database: Database, names: Iterable[str]) -> None:
    """Accounts without any entry."""
    born = {"head_hash": GENESIS, "revision_hash": GENESIS, "created_at": 1}
    with database.writing() as connection:
        connection.execute(accounts.insert(), [{"id": name, **born} for name in names])


def test_accounts_are_cut_by_how_many_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "ACCOUNTS_A_PART", 3)
    names = [f"{'aB-.:_'[number % 6]}{number:05d}" for number in range(7)]
    opened(database, names)
    with database.reading() as connection:
        parts = list(account_parts(connection))
        inside = [
            connection.execute(
                sa.select(sa.func.count()).select_from(accounts).where(
                    accounts.c.id > (part.after or ("",))[0],
                    accounts.c.id <= part.upto[0] if part.upto else sa.true(),
                )
            ).scalar_one()
            for part in parts
        ]  # fmt: skip
    assert inside == [3, 3, 1]
    assert (parts[0].after, parts[-1].upto) == (None, None)
    assert [each.upto for each in parts[:-1]] == [each.after for each in parts[1:]]


def test_accounts_are_cut_by_how_many_entries_they_say(
    config: Config, database: Database, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "ROWS_A_PART", 10)
    opened(database, "abcde")
    with forging(config, databases) as forger:
        for row, seq in zip(forger.rows("accounts"), (4, 5, 1, 70, 2), strict=True):
            forger.update("accounts", row, seq=seq)
    with database.reading() as connection:
        ends = [part.upto for part in account_parts(connection)]
    assert ends == [("c",), ("d",), None]


def test_a_table_without_rows_is_one_open_part(database: Database) -> None:
    with database.reading() as connection:
        assert list(account_parts(connection)) == [Part("accounts")]
        assert list(key_parts(connection, "requests")) == [Part("requests")]


@pytest.mark.parametrize("size", [1, 4, 1_000])
@pytest.mark.parametrize("check", KEYS)
def test_a_table_is_cut_after_so_many_rows(
    lived: Lived, check: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "ROWS_A_PART", size)
    key = KEYS[check]
    columns: tuple[Any, ...] = key.columns
    statement = sa.select(*columns).order_by(*columns)
    with lived.database.reading() as connection:
        whole = connection.execute(statement).all()
        parts = list(key_parts(connection, check))
        found = [connection.execute(*key.within(statement, part)).all() for part in parts]
    assert [row for rows in found for row in rows] == whole
    assert {len(rows) for rows in found[:-1]} <= {size}
    assert len(found[-1]) < size


def test_nothing_is_cut_where_a_key_is_no_text(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database would not be asked for it again."""
    monkeypatch.setattr(cuts, "is_text", lambda value: value != "b")
    monkeypatch.setattr(cuts, "ACCOUNTS_A_PART", 1)
    opened(database, "abc")
    with database.reading() as connection:
        assert [part.upto for part in account_parts(connection)] == [("a",), ("c",), None]
    assert is_text("tz")
    assert not is_text("half \udcff")


def test_a_table_whose_key_is_no_text_is_not_cut(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "is_text", lambda _: False)
    monkeypatch.setattr(cuts, "ROWS_A_PART", 1)
    with lived.database.reading() as connection:
        assert list(key_parts(connection, "holds")) == [Part("holds")]
