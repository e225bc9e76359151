"""Usage per operation and UTC day: the daily table, and the rule that makes it from entries."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal import pricing
from portal.ledger import caps, rows
from portal.ledger.model import DAY, Account, Entry, Hold
from portal.ledger.records import usage_days as table
from portal.ledger.streams import stream
from portal.ledger.tables import entries


class UsageDay(NamedTuple):
    """What an operation cost an account on a day (days since 1970-01-01, UTC)."""

    account_id: str
    day: int
    operation: str
    charged: int
    refunded: int
    quantity: int
    jobs: int


class UsageTotal(NamedTuple):
    """What an operation cost an account over a range of days."""

    operation: str
    charged: int
    refunded: int
    quantity: int
    jobs: int


IN_RANGE: Final = (
    table.c.account_id == sa.bindparam("account"),
    table.c.day.between(sa.bindparam("first"), sa.bindparam("last")),
)
DAYS: Final = (
    rows.reading(table, UsageDay).where(*IN_RANGE).order_by(table.c.day, table.c.operation)
)
TOTALS: Final = (
    sa.select(
        table.c.operation,
        *(rows.total(table.c[name]).label(name) for name in UsageTotal._fields[1:]),
    )
    .where(*IN_RANGE)
    .group_by(table.c.operation)
    .order_by(table.c.operation)
)
COUNTED: Final = ("debit", "capture", "refund")
ENTRIES: Final = (
    rows.reading(entries, Entry)
    .where(entries.c.account_id == sa.bindparam("account"), entries.c.kind.in_(COUNTED))
    .order_by(entries.c.seq)
)


def usage_days(
    connection: Connection, account_id: str, first_day: int, last_day: int
) -> tuple[UsageDay, ...]:
    """Usage by day and operation from `first_day` to `last_day`, both included."""
    return rows.every(
        connection, UsageDay, DAYS, account=account_id, first=first_day, last=last_day
    )


def usage_totals(
    connection: Connection, account_id: str, first_day: int, last_day: int
) -> tuple[UsageTotal, ...]:
    """Usage by operation over whole days, both ends included."""
    return rows.every(
        connection, UsageTotal, TOTALS, account=account_id, first=first_day, last=last_day
    )


def cap_uses(
    connection: Connection,
    account: Account,
    tier: pricing.Tier | None,
    holds: Iterable[Hold],
    now: int,
) -> tuple[caps.Use, ...]:
    """The caps in force on an account, and what counts against each at `now`."""
    in_force = caps.caps_of(account, tier)
    if not in_force:
        return ()
    first = caps.period_of(account, now)[0] // DAY
    days = {
        (each.day, each.operation): (each.charged, each.refunded)
        for each in usage_days(connection, account.id, first, now // DAY)
    }
    return tuple(caps.uses(account, in_force, caps.Spent(first, days), holds, now, now))


def recount_usage(connection: Connection, account_id: str) -> tuple[UsageDay, ...]:
    """The same rows as the daily table has for an account, counted from its entries."""
    tally = Tally()
    for entry in stream(connection, Entry, ENTRIES, account=account_id):
        tally.add(entry)
    return tuple(tally.days(account_id))


class Tally:
    """Counts usage entry by entry."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], list[int]] = {}

    def add(self, entry: Entry) -> None:
        """Count one entry: what it took or gave back on the day it occurred.

        A job counts once, with its quantity: by its debit, or the capture that closes its hold.
        """
        if entry.kind not in COUNTED or entry.operation is None:
            return
        counts = self._counts.setdefault((entry.occurred_at // DAY, entry.operation), [0, 0, 0, 0])
        if entry.kind == "refund":
            counts[1] += entry.amount
            return
        counts[0] -= entry.amount
        if entry.kind == "debit" or entry.resolution is not None:
            counts[2] += entry.quantity or 0
            counts[3] += 1

    def days(self, account_id: str) -> Iterator[UsageDay]:
        """The counts as rows, by day and operation."""
        for (day, operation), counts in sorted(self._counts.items()):
            yield UsageDay(account_id, day, operation, *counts)
