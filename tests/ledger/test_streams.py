"""Tables read in flat memory, and rows of several handed out side by side."""

from typing import NamedTuple

from portal.ledger.model import Entry, Revision
from portal.ledger.parts import Part
from portal.ledger.streams import Feed, Source, raw, stream
from portal.ledger.tables import entries, revisions
from tests.ledger.conftest import Lived

ENTRIES = Source(Entry, entries.c.account_id, entries.c.seq)


class Row(NamedTuple):
    """A row of some account."""

    account_id: str
    seq: int


def unexpected(row: Row) -> None:
    """No orphan is awaited."""
    raise AssertionError(row)


def test_a_feed_hands_out_rows_account_by_account() -> None:
    found = [Row("b", 1), Row("b", 2), Row("a", 1)]
    feed = Feed(iter(found), ("b", "c", "a"), unexpected)
    assert list(feed.of("b")) == found[:2]
    assert list(feed.of("c")) == []
    assert list(feed.of("a")) == found[2:]
    assert feed.head is None


def test_rows_of_an_account_that_is_not_there_are_orphans() -> None:
    orphans: list[Row] = []
    found = [Row("0", 1), Row("a", 1), Row("aa", 1), Row("b", 1), Row("z", 7)]
    feed = Feed(iter(found), ("a", "b"), orphans.append)
    assert [row for account in "ab" for row in feed.of(account)] == [found[1], found[3]]
    assert orphans == [found[0], found[2], found[4]]


def test_rows_up_to_a_seq_are_taken_and_later_ones_left() -> None:
    found = [Row("a", 1), Row("a", 1), Row("a", 3), Row("b", 1)]
    feed = Feed(iter(found), ("a", "b"), unexpected)
    assert feed.upto("a", 2) == found[:2]
    assert feed.upto("a", 2) == []
    assert feed.upto("a", 9) == [found[2]]
    assert feed.upto("b", 9) == [found[3]]
    assert feed.upto("b", 9) == []


def test_the_rows_of_all_ranges_together_are_the_table(lived: Lived) -> None:
    ranges = [(None, ("ada",)), (("ada",), ("bob",)), (("bob",), None)]
    with lived.database.reading() as connection:
        whole = list(ENTRIES.read(connection, Part("accounts")))
        parts = [list(ENTRIES.read(connection, Part("accounts", *each))) for each in ranges]
        alone = list(ENTRIES.read(connection, Part("accounts", only="bob")))
    assert [entry for part in parts for entry in part] == whole
    assert [{entry.account_id for entry in part} for part in parts] == [{"ada"}, {"bob"}, {"cy"}]
    assert alone == parts[1]
    assert [entry.seq for entry in alone] == list(range(1, len(alone) + 1))


def test_a_stream_gives_values_and_raw_gives_rows(lived: Lived) -> None:
    source = Source(Revision, revisions.c.account_id, revisions.c.revision)
    with lived.database.reading() as connection:
        found = list(source.read(connection, Part("accounts")))
        rows = list(raw(connection, revisions.select()))
        again = list(stream(connection, Revision, revisions.select()))
    assert len(found) == len(rows) == len(again) > 3
    assert all(isinstance(each, Revision) for each in [*found, *again])
