"""An account's history: pages of entries newest first, and the strip whose numbers close.

Times become a range of seq first (`recorded_at` never falls as seq grows), so every
statement walks one index from one end, however long the history is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.model import Entry
from portal.ledger.moments import seq_recorded_by
from portal.ledger.statements import POSTGRESQL
from portal.ledger.tables import entries

LAST: Final = 2**63 - 1
INCOMING: Final = ("grant", "refund", "adjustment")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries to show: empty means all; times are of recording, `until` exclusive."""

    kinds: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    reference: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def narrow(self) -> bool:
        """Whether it leaves out entries within its own range of time."""
        return bool(self.kinds or self.operations or self.reference is not None)


EVERYTHING: Final = Filter()


class Page(NamedTuple):
    """Entries newest first; `next` is the seq to pass as `before` for older ones, or None."""

    entries: tuple[Entry, ...]
    next: int | None


class Shape(NamedTuple):
    """Which statement a filter needs: what it names, and whether a reference is looked up apart."""

    by_kind: bool
    by_operation: bool
    by_reference: bool
    apart: bool


class Strip(NamedTuple):
    """A range of time that closes: opening + inflow - outflow = closing (law 2).

    `entries` counts all entries of the range; `matched*` count and sum those the filter keeps.
    """

    opening: int
    inflow: int
    outflow: int
    closing: int
    entries: int
    matched_in: int
    matched_out: int
    matched: int


class Exported(NamedTuple):
    """What an export tells of an entry; rows come as plain tuples in this order."""

    id: str
    recorded_at: int
    kind: str
    operation: str | None
    quantity: int | None
    amount: int
    posted_after: int
    reference_id: str | None
    reverses_id: str | None
    key_id: str | None
    reason: str
    tariff: str | None
    note: str | None


class Range(NamedTuple):
    """Seqs first..last, both included, and what was posted before and after them."""

    first: int
    last: int
    opening: int
    closing: int


NO_DEBIT: Final = sa.text("kind <> 'debit'")  # as the index of the other kinds says it
OF_ACCOUNT: Final = entries.c.account_id == sa.bindparam("account")
AFTER: Final = (
    sa.select(entries.c.seq, entries.c.posted_after)
    .where(OF_ACCOUNT)
    .order_by(entries.c.seq.desc())
    .limit(1)
)
AFTER_SEQ: Final = AFTER.where(entries.c.seq == sa.bindparam("seq"))
# Two indexes know references, one for debits and one for all else; this names each as its own rule
# does.
OF_REFERENCE: Final = tuple(
    sa.select(entries).where(OF_ACCOUNT, entries.c.reference_id == sa.bindparam("reference"), rule)
    for rule in (sa.text("kind = 'debit'"), NO_DEBIT)
)
SEQS_OF_REFERENCE: Final = sa.union_all(
    *(select.with_only_columns(entries.c.seq) for select in OF_REFERENCE)
)
# On PostgreSQL what else is asked stays outside (OFFSET 0): a range of seq looks as narrow, and it
# would walk through a whole account and ask of each entry whether the reference names it.
NAMED: Final = sa.union_all(*OF_REFERENCE).offset(sa.literal_column("0")).subquery("named")
INFLOW: Final = (
    sa.select(rows.total(entries.c.amount))
    .where(OF_ACCOUNT)
    .where(entries.c.kind.in_(INCOMING), NO_DEBIT, entries.c.amount > 0)
    .where(entries.c.seq.between(sa.bindparam("first"), sa.bindparam("last")))
)


def page(
    connection: Connection,
    account_id: str,
    wanted: Filter = EVERYTHING,
    *,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """At most `limit` entries that a filter keeps, newest first, with seq below `before`.

    Several kinds are read one by one and merged: each walks its own index, so a rare kind
    costs no more than a common one.
    """
    first, last = _seqs(connection, account_id, wanted)
    last = last if before is None else min(last, before - 1)
    values = _values(account_id, wanted, first, last) | {"limit": limit + 1}
    found = [
        rows.every(
            connection,
            Entry,
            _page_statement(_shape(connection, wanted), kind == "debit"),
            **values,
            kind=kind,
        )
        for kind in dict.fromkeys(wanted.kinds or (None,))
    ]
    newest = tuple(islice(merge(*found, key=lambda entry: -entry.seq), limit + 1))
    return Page(newest[:limit], newest[limit - 1].seq if len(newest) > limit else None)


def strip(connection: Connection, account_id: str, wanted: Filter = EVERYTHING) -> Strip:
    """Opening, inflow, outflow and closing over a filter's whole range of time.

    Outflow follows from the others, which are read from the balances on the rows and the
    few entries that can bring credits in.
    """
    span = seq_range(connection, account_id, wanted)
    values = _values(account_id, wanted, span.first, span.last)
    inflow = connection.execute(INFLOW, values).scalar_one()
    outflow = span.opening + inflow - span.closing
    matched = (inflow, outflow, span.last - span.first + 1)
    if wanted.narrow:
        matched = _matched(connection, wanted, values)
    return Strip(span.opening, inflow, outflow, span.closing, span.last - span.first + 1, *matched)


def seq_range(connection: Connection, account_id: str, wanted: Filter = EVERYTHING) -> Range:
    """The seqs a filter's times stand for, with the posted balance before and after them."""
    first, opening = 1, 0
    if wanted.since is not None:
        seq, opening = _before(connection, account_id, wanted.since)
        first = seq + 1
    last, closing = _before(connection, account_id, wanted.until)
    if last < first:
        return Range(first, first - 1, opening, opening)
    return Range(first, last, opening, closing)


def export_rows(
    connection: Connection, account_id: str, wanted: Filter, first: int, last: int
) -> Sequence[tuple[Any, ...]]:
    """Entries between two seqs that a filter keeps, newest first; its times are not asked again.

    As the fields of `Exported`, but no values of it: to make them costs as much as to read them.
    """
    statement = _export_statement(_shape(connection, wanted), "debit" in wanted.kinds)
    values = _values(account_id, wanted, first, last) | {"kinds": wanted.kinds}
    found: Any = connection.execute(statement, values).cursor  # its rows are the driver's own
    rows_found: Sequence[tuple[Any, ...]] = found.fetchall()
    return rows_found


def _seqs(connection: Connection, account_id: str, wanted: Filter) -> tuple[int, int]:
    first, last = 1, LAST
    if wanted.since is not None:
        first = seq_recorded_by(connection, account_id, wanted.since - 1) + 1
    if wanted.until is not None:
        last = seq_recorded_by(connection, account_id, wanted.until - 1)
    return first, last


def _before(connection: Connection, account_id: str, at: int | None) -> tuple[int, int]:
    """The last entry recorded before an instant (None: the last of all), and posted after it."""
    values: dict[str, str | int] = {"account": account_id}
    if at is not None:
        values["seq"] = seq_recorded_by(connection, account_id, at - 1)
    row = connection.execute(AFTER if at is None else AFTER_SEQ, values).first()
    return (0, 0) if row is None else (row[0], row[1])


def _matched(
    connection: Connection, wanted: Filter, values: dict[str, Any]
) -> tuple[int, int, int]:
    statement = _sum_statement(_shape(connection, wanted), "debit" in wanted.kinds)
    row = connection.execute(statement, values | {"kinds": wanted.kinds}).one()
    return row[0], -row[1], row[2]


def _values(account_id: str, wanted: Filter, first: int, last: int) -> dict[str, Any]:
    return {
        "account": account_id,
        "first": first,
        "last": last,
        "operations": wanted.operations,
        "reference": wanted.reference,
    }


def _shape(connection: Connection, wanted: Filter) -> Shape:
    named = wanted.reference is not None
    apart = named and connection.dialect.name == POSTGRESQL
    return Shape(bool(wanted.kinds), bool(wanted.operations), named, apart)


def _source(shape: Shape) -> sa.FromClause:
    """Where to look for what a filter keeps."""
    return NAMED if shape.apart else entries


@cache
def _page_statement(shape: Shape, debits: bool) -> sa.Select[Any]:
    source = _source(shape)
    statement = _kept(rows.reading(source, Entry), shape, debits)
    if shape.by_kind:
        statement = statement.where(source.c.kind == sa.bindparam("kind"))
    return statement.order_by(source.c.seq.desc()).limit(sa.bindparam("limit"))


@cache
def _sum_statement(shape: Shape, debits: bool) -> sa.Select[Any]:
    amount = _source(shape).c.amount
    inflow, outflow = sa.case((amount > 0, amount)), sa.case((amount < 0, amount))
    sums: tuple[Any, ...] = (rows.total(inflow), rows.total(outflow), sa.func.count())
    return _of_kinds(_kept(sa.select(*sums), shape, debits), shape)


@cache
def _export_statement(shape: Shape, debits: bool) -> sa.Select[Any]:
    source = _source(shape)
    statement = _kept(rows.reading(source, Exported), shape, debits)
    return _of_kinds(statement, shape).order_by(source.c.seq.desc())


def _of_kinds(statement: sa.Select[Any], shape: Shape) -> sa.Select[Any]:
    if shape.by_kind:
        kinds: sa.BindParameter[str] = sa.bindparam("kinds", expanding=True)
        return statement.where(_source(shape).c.kind.in_(kinds))
    return statement


def _kept(statement: sa.Select[Any], shape: Shape, debits: bool) -> sa.Select[Any]:
    source = _source(shape)
    statement = statement.where(source.c.seq.between(sa.bindparam("first"), sa.bindparam("last")))
    if shape.by_operation:
        operations: sa.BindParameter[str] = sa.bindparam("operations", expanding=True)
        statement = statement.where(source.c.operation.in_(operations))
    if shape.apart:
        return statement
    if shape.by_reference:
        statement = statement.where(entries.c.seq.in_(SEQS_OF_REFERENCE))
    return statement.where(OF_ACCOUNT, *([NO_DEBIT] if shape.by_kind and not debits else []))
