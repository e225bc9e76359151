"""Looking up entries and what hangs on them: draws, grants, refunds and a hold's chain."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.errors import EntryNotFoundError
from portal.ledger.model import Draw, Entry, Grant
from portal.ledger.queries import NAMED_ENTRIES
from portal.ledger.statements import read_all
from portal.ledger.tables import draws, entries, grants

ENTRY: Final = rows.reading(entries, Entry)
OF_ACCOUNT: Final = entries.c.account_id == sa.bindparam("account")
OWN_BY_ID: Final = ENTRY.where(entries.c.id == sa.bindparam("entry")).where(OF_ACCOUNT)
REFUNDS: Final = (
    ENTRY.where(entries.c.reverses_id == sa.bindparam("entry"))
    .where(OF_ACCOUNT)
    .order_by(entries.c.seq)
)
CHAIN: Final = (
    ENTRY.where(entries.c.hold_id == sa.bindparam("hold")).where(OF_ACCOUNT).order_by(entries.c.seq)
)
DRAWS: Final = (
    rows.reading(draws, Draw)
    .where(draws.c.account_id == sa.bindparam("account"))
    .where(draws.c.seq.in_(sa.bindparam("seqs", expanding=True)))
    .order_by(draws.c.seq, draws.c.position)
)
GRANTS: Final = (
    rows.reading(grants, Grant)
    .where(grants.c.account_id == sa.bindparam("account"))
    .where(grants.c.id.in_(sa.bindparam("ids", expanding=True)))
)


def find_entry(connection: Connection, account_id: str, entry_id: str) -> Entry | None:
    """An account's own entry, or None: another account's id is as unknown as any."""
    return rows.first(connection, Entry, OWN_BY_ID, account=account_id, entry=entry_id)


def get_entry(connection: Connection, account_id: str, entry_id: str) -> Entry:
    """An account's own entry; raises EntryNotFoundError."""
    entry = find_entry(connection, account_id, entry_id)
    if entry is None:
        raise EntryNotFoundError(entry_id)
    return entry


def entries_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Entry]:
    """The entries of these ids, on whichever accounts; those there are."""
    [found] = read_all(connection, [(NAMED_ENTRIES, {"entries": list(ids)})])
    return {entry.id: entry for entry in map(Entry._make, found)}


def draws_of(
    connection: Connection, wanted: Iterable[Entry]
) -> dict[tuple[str, int], tuple[Draw, ...]]:
    """The draws of entries by (account, seq), each in position order; one read per account."""
    seqs: dict[str, list[int]] = defaultdict(list)
    found: dict[tuple[str, int], tuple[Draw, ...]] = {}
    for entry in wanted:
        found[entry.account_id, entry.seq] = entry.own_draws
        if entry.grant_id is None:
            seqs[entry.account_id].append(entry.seq)
    for account_id, of_account in seqs.items():
        values = {"account": account_id, "seqs": of_account}
        for draw in rows.every(connection, Draw, DRAWS, **values):
            found[account_id, draw.seq] += (draw,)
    return found


def grants_by_id(connection: Connection, account_id: str, ids: Sequence[str]) -> dict[str, Grant]:
    """An account's grants of these ids, as they stand now."""
    found = rows.every(connection, Grant, GRANTS, account=account_id, ids=list(ids))
    return {grant.id: grant for grant in found}


def refunds_of(connection: Connection, account_id: str, entry_id: str) -> tuple[Entry, ...]:
    """What gave back part of an account's entry, in order."""
    return rows.every(connection, Entry, REFUNDS, account=account_id, entry=entry_id)


def chain_of_hold(connection: Connection, account_id: str, hold_id: str) -> tuple[Entry, ...]:
    """Every entry of an account's hold in order: placed, extended, captured, released."""
    return rows.every(connection, Entry, CHAIN, account=account_id, hold=hold_id)
