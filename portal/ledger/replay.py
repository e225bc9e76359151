"""The outcome of a known key, rebuilt from the committed rows alone."""

import json
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.ledger import errors
from portal.ledger.commands import Outcome, Posted, Refused
from portal.ledger.errors import LedgerError
from portal.ledger.lookups import chain_of_hold
from portal.ledger.model import Account, Answered, Draw, Entry, Grant, Hold, Refusal, Revision
from portal.ledger.queries import columns
from portal.ledger.records import refusals, requests
from portal.ledger.standing import find_hold, hold_after
from portal.ledger.tables import accounts, draws, entries, grants, revisions
from portal.ledger.words import code_of

CODES: Final[dict[str, type[LedgerError]]] = {
    code_of(error): error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, LedgerError)
}


def find_outcome(connection: Connection, service: str, key: str) -> Outcome | None:
    """What came of a service's key; None if it never happened."""
    row = connection.execute(
        sa.select(*columns(requests, Answered)).where(
            requests.c.service == service, requests.c.key == key
        )
    ).one_or_none()
    return replayed(connection, Answered(*row)) if row else None


def replayed(connection: Connection, answered: Answered) -> Outcome:
    """The outcome of an answered request, marked as replayed: a function of its rows only."""
    if answered.refusal_id is not None:
        return refused_again(connection, answered.refusal_id)
    here = (answered.account_id, answered.seq)
    entry = Entry(*connection.execute(of_entry(entries, Entry, here)).one())
    drawn = connection.execute(of_entry(draws, Draw, here).order_by(draws.c.position))
    rows = tuple(Draw(*row) for row in drawn)
    made = {row.id: row for row in connection.execute(of_entry(grants, Grant, here))}
    return Posted(
        account_at(connection, entry),
        entry,
        rows,
        hold_of(connection, entry),
        tuple(
            Grant(*made[row.grant_id])._replace(remaining=0, pinned=0)
            for row in rows
            if row.grant_id in made
        ),
        replayed=True,
    )


def account_at(connection: Connection, entry: Entry) -> Account:
    """The account as it stood right after an entry, under the terms that were in force."""
    [*row, created_at] = connection.execute(
        sa.select(*columns(revisions, Revision), accounts.c.created_at)
        .join(accounts, accounts.c.id == revisions.c.account_id)
        .where(revisions.c.account_id == entry.account_id, revisions.c.as_of_seq < entry.seq)
        .order_by(revisions.c.revision.desc())
        .limit(1)
    ).one()
    terms = Revision(*row)
    return Account(
        entry.account_id,
        *terms[3:12],
        entry.posted_after,
        entry.held_after,
        entry.seq,
        entry.hash,
        entry.recorded_at,
        entry.due_after,
        terms.revision,
        terms.hash,
        created_at,
        terms.caps,
    )


def of_entry(table: sa.Table, row: type[Any], here: tuple[str, int | None]) -> sa.Select[Any]:
    """Rows of a table that belong to one entry."""
    account_id, seq = here
    return sa.select(*columns(table, row)).where(
        table.c.account_id == account_id, table.c.seq == seq
    )


def refused_again(connection: Connection, refusal_id: str) -> Refused:
    """The refusal that a key is bound to, with the numbers of then."""
    row = connection.execute(
        sa.select(*columns(refusals, Refusal)).where(refusals.c.id == refusal_id)
    ).one()
    refusal = Refusal(*row)
    numbers = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(refusal.details).items()
    }
    return Refused(CODES[refusal.code](**numbers), replayed=True, refusal_id=refusal.id)


def hold_of(connection: Connection, entry: Entry) -> Hold | None:
    """The hold of an entry as it stood right after that entry."""
    hold = find_hold(connection, entry.hold_id) if entry.hold_id else None
    if hold is None:
        return None
    chain = chain_of_hold(connection, entry.account_id, hold.id)
    return hold_after(hold, (each for each in chain if each.seq <= entry.seq))
