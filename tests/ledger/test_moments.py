"""The last entry recorded by an instant, for every instant of a lived account's history."""

from portal.ledger.history import page
from portal.ledger.moments import seq_recorded_by
from tests.ledger.conftest import Lived


def test_it_finds_the_last_entry_recorded_by_any_instant(lived: Lived) -> None:
    with lived.database.reading() as connection:
        entries = page(connection, "ada", limit=10_000).entries
        assert len(entries) > 20
        instants = {entry.recorded_at + by for entry in entries for by in (-1, 0, 1)}
        for at in [0, *sorted(instants), 2**62]:
            known = [entry.seq for entry in entries if entry.recorded_at <= at]
            assert seq_recorded_by(connection, "ada", at) == max(known, default=0)


def test_an_account_that_nobody_knows_has_none(lived: Lived) -> None:
    with lived.database.reading() as connection:
        assert seq_recorded_by(connection, "nobody", 2**62) == 0
