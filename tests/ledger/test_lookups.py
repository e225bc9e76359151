"""Looking up entries and what hangs on them."""

import pytest
from sqlalchemy import Connection

from portal.ledger import lookups
from portal.ledger.errors import EntryNotFoundError
from portal.ledger.history import Filter, page
from portal.ledger.model import Entry
from tests.ledger.conftest import Lived


def of_kind(connection: Connection, account: str, kind: str) -> tuple[Entry, ...]:
    return page(connection, account, Filter(kinds=(kind,)), limit=1_000).entries


def test_an_entry_is_found_on_its_own_account_alone(lived: Lived) -> None:
    with lived.database.reading() as connection:
        entry = of_kind(connection, "ada", "debit")[0]
        assert lookups.get_entry(connection, "ada", entry.id) == entry
        assert lookups.find_entry(connection, "ada", entry.id) == entry
        assert lookups.find_entry(connection, "bob", entry.id) is None
        assert lookups.entries_by_id(connection, [entry.id, "ent_nothing"]) == {entry.id: entry}
        with pytest.raises(EntryNotFoundError):
            lookups.get_entry(connection, "bob", entry.id)


def test_draws_of_entries_of_many_accounts_add_up_to_them(lived: Lived) -> None:
    with lived.database.reading() as connection:
        wanted = [
            entry
            for account in ("ada", "bob", "cy")
            for entry in page(connection, account, limit=1_000).entries
        ]
        found = lookups.draws_of(connection, wanted)
        assert lookups.draws_of(connection, []) == {}
    assert len(found) == len(wanted)
    for entry in wanted:
        draws = found[entry.account_id, entry.seq]
        assert [draw.position for draw in draws] == list(range(len(draws)))
        assert sum(draw.amount for draw in draws) == entry.amount
        assert sum(draw.pinned for draw in draws) == entry.hold_amount


def test_grants_are_found_by_id_on_their_own_account(lived: Lived) -> None:
    with lived.database.reading() as connection:
        entry = of_kind(connection, "bob", "grant")[0]
        draws = lookups.draws_of(connection, [entry])["bob", entry.seq]
        ids = [draw.grant_id for draw in draws if draw.grant_id]
        found = lookups.grants_by_id(connection, "bob", ids)
        assert found[ids[0]].seq == entry.seq
        assert lookups.grants_by_id(connection, "ada", ids) == {}
        assert lookups.grants_by_id(connection, "bob", []) == {}


def test_refunds_of_an_entry_come_in_order(lived: Lived) -> None:
    with lived.database.reading() as connection:
        first = min(of_kind(connection, "ada", "debit"), key=lambda entry: entry.seq)
        refunds = lookups.refunds_of(connection, "ada", first.id)
        assert [entry.amount for entry in refunds] == [100, 200]
        assert {entry.reverses_id for entry in refunds} == {first.id}
        assert lookups.refunds_of(connection, "bob", first.id) == ()


def test_the_chain_of_a_hold_runs_from_placing_to_resolution(lived: Lived) -> None:
    with lived.database.reading() as connection:
        extended = next(
            entry for entry in of_kind(connection, "ada", "hold") if entry.reason == "extended"
        )
        assert extended.hold_id is not None
        chain = lookups.chain_of_hold(connection, "ada", extended.hold_id)
        assert lookups.chain_of_hold(connection, "bob", extended.hold_id) == ()
    reasons = [(entry.kind, entry.reason) for entry in chain]
    assert reasons == [
        ("hold", "placed"),
        ("hold", "extended"),
        ("hold", "extended"),
        ("capture", "partial"),
        ("capture", "partial"),
    ]
    assert [entry.resolution for entry in chain] == [None] * 4 + ["captured"]
