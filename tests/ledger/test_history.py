"""Pages of history and the strip whose numbers close."""

import re
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import history
from portal.ledger.history import Exported, Filter, Strip
from portal.ledger.model import Entry
from tests.ledger.conftest import Lived

KINDS = ((), ("debit",), ("capture", "refund", "debit"), ("adjustment", "adjustment"), ("nothing",))
OPERATIONS = ((), ("generate",), ("generate", "stream"))
REFERENCES = (None, "job-101", "nothing")


def all_of(connection: Connection, account: str) -> list[Entry]:
    return list(history.page(connection, account, limit=1_000).entries)


def kept(entries: list[Entry], wanted: Filter) -> list[Entry]:
    """The entries a filter keeps, said plainly."""
    return [
        entry
        for entry in entries
        if (not wanted.kinds or entry.kind in wanted.kinds)
        and (not wanted.operations or entry.operation in wanted.operations)
        and (wanted.reference is None or entry.reference_id == wanted.reference)
        and (wanted.since is None or entry.recorded_at >= wanted.since)
        and (wanted.until is None or entry.recorded_at < wanted.until)
    ]


def filters(entries: list[Entry]) -> list[Filter]:
    """Every mix of kinds, operations and references, over several ranges of time."""
    some = sorted({entry.recorded_at for entry in entries})
    middle, third = some[len(some) // 2], some[len(some) // 3]
    times = ((None, None), (third, None), (None, middle), (third, middle), (middle, third), (1, 2))
    mixes = product(KINDS, OPERATIONS, REFERENCES, times)
    return [Filter(kinds, names, about, *span) for kinds, names, about, span in mixes]


def test_pages_newest_first_hold_each_kept_entry_once(lived: Lived) -> None:
    with lived.database.reading() as connection:
        everything = all_of(connection, "ada")
        assert [entry.seq for entry in everything] == list(range(len(everything), 0, -1))
        for wanted in filters(everything):
            found: list[Entry] = []
            before = None
            while True:
                page = history.page(connection, "ada", wanted, before=before, limit=7)
                assert len(page.entries) <= 7
                found += page.entries
                before = page.next
                if before is None:
                    break
            assert found == kept(everything, wanted), wanted


def test_the_last_page_that_is_just_full_has_no_next(lived: Lived) -> None:
    with lived.database.reading() as connection:
        count = len(all_of(connection, "cy"))
        page = history.page(connection, "cy", limit=count)
        assert (len(page.entries), page.next) == (count, None)
        page = history.page(connection, "cy", limit=count - 1)
        assert page.next == page.entries[-1].seq == 2


def test_the_strip_closes_and_counts_what_the_filter_keeps(lived: Lived) -> None:
    with lived.database.reading() as connection:
        everything = all_of(connection, "ada")
        for wanted in filters(everything):
            found = history.strip(connection, "ada", wanted)
            assert found == plain_strip(everything, wanted), wanted
            assert found.opening + found.inflow - found.outflow == found.closing


def plain_strip(entries: list[Entry], wanted: Filter) -> Strip:
    """The strip summed over rows, one by one."""
    ranged = kept(entries, Filter(since=wanted.since, until=wanted.until))
    before = [e for e in entries if wanted.since is not None and e.recorded_at < wanted.since]
    opening, matched = sum(entry.amount for entry in before), kept(entries, wanted)
    return Strip(
        opening,
        sum(entry.amount for entry in ranged if entry.amount > 0),
        -sum(entry.amount for entry in ranged if entry.amount < 0),
        opening + sum(entry.amount for entry in ranged),
        len(ranged),
        sum(entry.amount for entry in matched if entry.amount > 0),
        -sum(entry.amount for entry in matched if entry.amount < 0),
        len(matched),
    )


def test_an_account_without_entries_has_an_empty_page_and_strip(lived: Lived) -> None:
    with lived.database.reading() as connection:
        assert history.page(connection, "nobody") == ((), None)
        assert history.strip(connection, "nobody") == (0, 0, 0, 0, 0, 0, 0, 0)


def test_the_range_of_a_filter_says_which_seqs_it_stands_for(lived: Lived) -> None:
    with lived.database.reading() as connection:
        everything = all_of(connection, "ada")
        at = everything[10].recorded_at
        span = history.seq_range(connection, "ada", Filter(until=at))
        assert span.last < everything[10].seq
        assert (span.first, span.opening) == (1, 0)
        assert everything[-span.last].posted_after == span.closing


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(kinds=("adjustment",)),
        Filter(reference="job-101"),
        Filter(since=1, until=10**17),
    ],
)
def test_each_page_walks_an_index_and_sorts_nothing(lived: Lived, wanted: Filter) -> None:
    statements: list[tuple[str, Any]] = []
    with lived.database.reading() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute")
        def keep(_c: object, _k: object, text: str, values: object, *_: object) -> None:
            statements.append((text, values))

        history.page(connection, "ada", wanted)
        history.strip(connection, "ada", wanted)
        sa.event.remove(connection, "before_cursor_execute", keep)
        assert statements
        for text, values in statements:
            plan = plan_of(connection, text, values)
            assert re.search("USING|Index", plan), plan
            if "AS named" in text:  # PostgreSQL sorts what a reference names
                assert plan.count("Index Cond: ((reference_id = ") == 2, plan
                assert "Subquery Scan on named" in plan  # what else is asked stays outside
                plan = plan.replace("Sort", "")
            # What narrows a range of seq is a scan of its own single row.
            assert not re.search("SCAN (?!span)|TEMP B-TREE|Seq Scan|Sort", plan), plan


def plan_of(connection: Connection, text: str, values: Any) -> str:
    """How the database would run a statement; PostgreSQL as if the table were large."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return "\n".join(row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values))
    driver.execute("SET LOCAL enable_seqscan = off")
    driver.execute("SET LOCAL enable_sort = off")
    return "\n".join(row[0] for row in driver.execute(f"EXPLAIN {text}", values))


def exported(entry: Entry) -> Exported:
    return Exported._make(getattr(entry, name) for name in Exported._fields)


def test_rows_of_an_export_are_the_entries_that_a_filter_keeps_newest_first(lived: Lived) -> None:
    with lived.database.reading() as connection:
        everything = all_of(connection, "ada")
        for wanted in filters(everything):
            span = history.seq_range(connection, "ada", wanted)
            found: list[Exported] = []
            for last in range(span.last, span.first - 1, -5):
                first = max(span.first, last - 4)
                rows = history.export_rows(connection, "ada", wanted, first, last)
                found += map(Exported._make, rows)
            assert found == [exported(entry) for entry in kept(everything, wanted)], wanted
