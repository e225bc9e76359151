"""Whole tables in flat memory: pages of accounts and their rows side by side."""

from typing import Any, NamedTuple

from portal.database import Database
from portal.ledger.model import GENESIS, Account, Entry, Revision
from portal.ledger.streams import ACCOUNTS_A_PAGE, Feed, Page, Source, pages, raw, stream
from portal.ledger.tables import accounts, entries, revisions
from tests.ledger.conftest import Lived

ENTRIES = Source(entries, Entry, entries.c.seq)


class Row(NamedTuple):
    """A row of some account."""

    account_id: str
    seq: int


def unexpected(row: Row) -> None:
    """No orphan is awaited."""
    raise AssertionError(row)


def page_of(*ids: str) -> Page:
    known: Any = dict.fromkeys(ids)
    return Page(known, None, None)


def test_a_feed_hands_out_rows_account_by_account() -> None:
    found = [Row("b", 1), Row("b", 2), Row("a", 1)]
    feed = Feed(iter(found), page_of("b", "c", "a"), unexpected)
    assert list(feed.of("b")) == found[:2]
    assert list(feed.of("c")) == []
    assert list(feed.of("a")) == found[2:]
    assert feed.head is None


def test_rows_of_an_account_that_is_not_there_are_orphans() -> None:
    orphans: list[Row] = []
    found = [Row("0", 1), Row("a", 1), Row("aa", 1), Row("b", 1), Row("z", 7)]
    feed = Feed(iter(found), page_of("a", "b"), orphans.append)
    assert [row for account in "ab" for row in feed.of(account)] == [found[1], found[3]]
    assert orphans == [found[0], found[2], found[4]]


def test_rows_up_to_a_seq_are_taken_and_later_ones_left() -> None:
    found = [Row("a", 1), Row("a", 1), Row("a", 3), Row("b", 1)]
    feed = Feed(iter(found), page_of("a", "b"), unexpected)
    assert feed.upto("a", 2) == found[:2]
    assert feed.upto("a", 2) == []
    assert feed.upto("a", 9) == [found[2]]
    assert feed.upto("b", 9) == [found[3]]
    assert feed.upto("b", 9) == []


def test_pages_cover_every_account_once_and_every_id_between(database: Database) -> None:
    count = 2 * ACCOUNTS_A_PAGE + 1
    ids = [f"{'aB-.:_'[number % 6]}{number:05d}" for number in range(count)]
    with database.writing() as connection:
        born = {"head_hash": GENESIS, "revision_hash": GENESIS, "created_at": 1}
        connection.execute(accounts.insert(), [{"id": each, **born} for each in ids])
    with database.reading() as connection:
        found = list(pages(connection))
    assert sorted(account for page in found for account in page.accounts) == sorted(ids)
    assert [len(page.accounts) for page in found] == [ACCOUNTS_A_PAGE, ACCOUNTS_A_PAGE, 1]
    assert (found[0].after, found[-1].upto) == (None, None)
    assert [page.upto for page in found[:-1]] == [page.after for page in found[1:]]


def test_a_table_without_accounts_is_one_open_page(database: Database) -> None:
    with database.reading() as connection:
        assert list(pages(connection)) == [({}, None, None, None)]
        assert list(pages(connection, "ada")) == [({}, None, None, "ada")]


def test_the_rows_of_all_ranges_together_are_the_table(lived: Lived) -> None:
    known: dict[str, Account] = {}
    ranges = [(None, "ada"), ("ada", "bob"), ("bob", None)]
    with lived.database.reading() as connection:
        whole = list(ENTRIES.read(connection, Page(known, None, None)))
        parts = [list(ENTRIES.read(connection, Page(known, *each))) for each in ranges]
        alone = list(ENTRIES.read(connection, Page(known, None, None, "bob")))
    assert [entry for part in parts for entry in part] == whole
    assert [{entry.account_id for entry in part} for part in parts] == [{"ada"}, {"bob"}, {"cy"}]
    assert alone == parts[1]
    assert [entry.seq for entry in alone] == list(range(1, len(alone) + 1))


def test_a_stream_gives_values_and_raw_gives_rows(lived: Lived) -> None:
    source = Source(revisions, Revision, revisions.c.revision)
    with lived.database.reading() as connection:
        found = list(source.read(connection, Page({}, None, None)))
        rows = list(raw(connection, revisions.select()))
        again = list(stream(connection, Revision, revisions.select()))
    assert len(found) == len(rows) == len(again) > 3
    assert all(isinstance(each, Revision) for each in [*found, *again])
