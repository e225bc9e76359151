"""Loading what commands need, in a few set queries: accounts locked first, then the rest.

The lock and the reads are statements of their own: one statement that locks and reads in
one sees a snapshot from before the lock was granted.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from portal.ledger import commands as asked
from portal.ledger import queries
from portal.ledger.burn import in_burn_order
from portal.ledger.caps import Spent
from portal.ledger.commands import Command
from portal.ledger.holds import joined
from portal.ledger.known import HOLD_COMMANDS, SPENDING_COMMANDS, Known, claim_of, claim_of_hold
from portal.ledger.model import (
    Account,
    Answered,
    Draw,
    Entry,
    Grant,
    Hold,
    Pin,
    Reversible,
    State,
)
from portal.ledger.replay import outcomes_of
from portal.ledger.statements import Row, Statement, read_all
from portal.ledger.states import STATES, States


def load(
    connection: Connection, commands: Sequence[Command], now: int, *, lock: bool = True
) -> Known:
    """All that `commands` may need to be decided at `now`; accounts locked in id order."""
    known = Known()
    hold_ids = [each.hold_id for each in commands if isinstance(each, HOLD_COMMANDS)]
    entry_ids = [each.entry_id for each in commands if isinstance(each, asked.Refund)]
    ids = {each.account_id for each in commands if hasattr(each, "account_id")}
    if hold_ids or entry_ids:
        ids |= owners(connection, hold_ids, entry_ids)
    pins = load_states(connection, known, commands, sorted(ids), hold_ids, lock=lock)
    load_holds(connection, known, hold_ids, pins, now)
    if entry_ids:
        load_reversibles(connection, known, entry_ids)
    load_payments(connection, known, commands)
    return known


def owners(connection: Connection, hold_ids: list[str], entry_ids: list[str]) -> set[str]:
    """The accounts of holds and entries, known before any of them is locked: they never move."""
    asked_for: list[tuple[Statement, dict[str, Any]]] = []
    if hold_ids:
        asked_for.append((queries.HOLDERS, {"holds": hold_ids}))
    if entry_ids:
        asked_for.append((queries.ENTERED, {"entries": entry_ids}))
    return {row[0] for rows in read_all(connection, asked_for) for row in rows}


def load_states(
    connection: Connection,
    known: Known,
    commands: Sequence[Command],
    ids: list[str],
    hold_ids: list[str],
    *,
    lock: bool,
) -> list[Row]:
    """Load states, answered keys and charged references; gives what the named holds pin."""
    requests = [each.request for each in commands if each.request]
    claims = [claim_of(each) for each in commands if isinstance(each, SPENDING_COMMANDS)]
    states: States | None = connection.info.get(STATES) if lock else None
    known.states = states.find(ids) if states is not None else {}
    new = {"ids": [each for each in ids if each not in known.states]}
    asked_for: list[tuple[Statement, dict[str, Any]]] = [
        (queries.REQUESTS, {"wanted": [each[:2] for each in requests]})
    ]
    if new["ids"]:
        locked = queries.LOCK if lock else queries.READ
        asked_for[:0] = [(locked, new), (queries.GRANTS, new), (queries.HOLDS, new)]
    if claims:
        wanted = {"wanted": claims}
        asked_for += [(queries.HELD, wanted), (queries.DEBITED, wanted)]
    if hold_ids:
        asked_for.append((queries.PINS, {"holds": hold_ids}))
    found = iter(read_all(connection, asked_for))
    if new["ids"]:
        known.states |= states_of(next(found), next(found), next(found))
    known.answered = {(row[0], row[1]): Answered._make(row) for row in next(found)}
    known.outcomes = outcomes_of(connection, known.answered.values())
    charged = [next(found), next(found)] if claims else []
    known.charged = {row[:4]: row[4] for rows in charged for row in rows}
    return next(found, [])


def states_of(
    accounts: Iterable[Row], grants: Iterable[Row], holds: Iterable[Row]
) -> dict[str, State]:
    """States by account id, from rows in any order; pins are loaded apart."""
    granted: dict[str, list[Grant]] = {}
    for row in grants:
        granted.setdefault(row[1], []).append(Grant._make(row))
    held: dict[str, dict[str, Hold]] = {}
    for row in holds:
        held.setdefault(row[1], {})[row[0]] = Hold._make(row)
    return {
        row[0]: State(
            Account._make(row), in_burn_order(granted.get(row[0], ())), held.get(row[0], {}), {}
        )
        for row in accounts
    }


def load_holds(
    connection: Connection, known: Known, hold_ids: list[str], pins: list[Row], now: int
) -> None:
    """What holds pin: those that commands name, of which `pins` says it, and those that ran out.

    Of those that are named and open no more, the holds and the entries that closed them, too.
    """
    opened = [hold for state in known.states.values() for hold in state.holds.values()]
    named = set(hold_ids)
    known.holds = {hold.id: hold for hold in opened if hold.id in named}
    ran_out = {"holds": [h.id for h in opened if h.expires_at <= now and h.id not in named]}
    closed = {"holds": [each for each in hold_ids if each not in known.holds]}
    asked_for: list[tuple[Statement, dict[str, Any]]] = []
    if ran_out["holds"]:
        asked_for.append((queries.PINS, ran_out))
    if closed["holds"]:
        asked_for += [(queries.NAMED_HOLDS, closed), (queries.ENDINGS, closed)]
    found = read_all(connection, asked_for) if asked_for else []
    if ran_out["holds"]:
        pins = pins + found.pop(0)
    if named or ran_out["holds"]:
        keep_pins(known, pins, named.union(ran_out["holds"]))
    if found:
        holds, endings = found
        known.holds |= {row[0]: Hold._make(row) for row in holds}
        for entry in map(Entry._make, endings):
            ended = known.late if entry.kind == "debit" else known.ended
            ended[entry.hold_id or ""] = entry
        load_late_claims(connection, known)


def keep_pins(known: Known, rows: Iterable[Row], wanted: set[str]) -> None:
    """Give each open hold that is wanted what it has pinned."""
    pins: dict[str, list[Pin]] = {}
    for hold_id, grant_id, amount in rows:
        pins.setdefault(hold_id, []).append(Pin(grant_id, amount))
    for account_id, state in known.states.items():
        ours = wanted.intersection(state.holds)
        if ours:
            joint = {hold_id: joined(pins.get(hold_id, ())) for hold_id in sorted(ours)}
            known.states[account_id] = state._replace(pins=joint)


def load_late_claims(connection: Connection, known: Known) -> None:
    """Who else charged the references of holds that ran out: these may be captured late."""
    ran_out = [claim_of_hold(hold) for hold in known.holds.values() if hold.status == "expired"]
    if ran_out:
        wanted = {"wanted": ran_out}
        charged = read_all(connection, [(queries.HELD, wanted), (queries.DEBITED, wanted)])
        known.charged |= {row[:4]: row[4] for rows in charged for row in rows}


def load_reversibles(connection: Connection, known: Known, entry_ids: list[str]) -> None:
    """The entries that refunds name: their draws, grants, and what has gone back."""
    named = {"entries": entry_ids}
    entries, draws, grants, returned = read_all(
        connection,
        [
            (queries.NAMED_ENTRIES, named),
            (queries.DRAWN, named),
            (queries.DRAWN_GRANTS, named),
            (queries.RETURNED, named),
        ],
    )
    drawn: dict[str, list[Draw]] = {}
    for entry_id, *row in draws:
        drawn.setdefault(entry_id, []).append(Draw(*row))
    granted: dict[str, dict[str, Grant]] = {}
    for entry_id, *row in grants:
        granted.setdefault(entry_id, {})[row[0]] = Grant(*row)
    back: dict[str, dict[str | None, int]] = {}
    for entry_id, grant_id, amount in returned:
        given = back.setdefault(entry_id, {})
        given[grant_id] = given.get(grant_id, 0) + amount
    for entry in (Entry(*row) for row in entries):
        known.reversibles[entry.id] = Reversible(
            entry,
            tuple(drawn.get(entry.id, ())),
            granted.get(entry.id, {}),
            back.get(entry.id, {}),
        )


def load_payments(connection: Connection, known: Known, commands: Sequence[Command]) -> None:
    """The payments that already gave credits, to any account."""
    payments = [each.reference.id for each in commands if isinstance(each, asked.IssueGrant)]
    if payments:
        [rows] = read_all(connection, [(queries.PAYMENTS, {"payments": payments})])
        known.paid = dict(rows)


def load_spent(connection: Connection, known: Known, ids: list[str], first: int) -> None:
    """What accounts have spent from a day on, by day and operation."""
    [rows] = read_all(connection, [(queries.SPENT, {"ids": ids, "first": first})])
    days: dict[str, dict[tuple[int, str], tuple[int, int]]] = {each: {} for each in ids}
    for account_id, day, operation, charged, refunded in rows:
        days[account_id][day, operation] = (charged, refunded)
    known.spent |= {account_id: Spent(first, each) for account_id, each in days.items()}
