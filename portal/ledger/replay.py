"""The outcomes of known keys, rebuilt from the committed rows alone: of all in one trip or two."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from portal.ledger import errors
from portal.ledger.commands import Outcome, Posted, Refused
from portal.ledger.errors import LedgerError
from portal.ledger.keyed import Keyed
from portal.ledger.model import Account, Answered, Draw, Entry, Grant, Hold, Refusal, Revision
from portal.ledger.queries import NAMED_HOLDS, REQUESTS, columns
from portal.ledger.records import refusals
from portal.ledger.standing import hold_after
from portal.ledger.statements import AnyOf, Row, Statement, read_all
from portal.ledger.tables import accounts, draws, entries, grants, revisions
from portal.ledger.words import code_of

CODES: Final[dict[str, type[LedgerError]]] = {
    code_of(error): error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, LedgerError)
}
Key = tuple[str, str]  # of a service
Place = tuple[str, int]  # account and seq of an entry
PLACE: Final = (entries.c.account_id, entries.c.seq)
EARLIER: Final = revisions.alias("earlier")
TERMS_THEN: Final = sa.and_(
    revisions.c.account_id == entries.c.account_id,
    revisions.c.revision
    == sa.select(sa.func.max(EARLIER.c.revision))
    .where(EARLIER.c.account_id == entries.c.account_id, EARLIER.c.as_of_seq < entries.c.seq)
    .scalar_subquery(),
)
# Of a revision, what an account has of it: its terms, then which revision they are of.
TERMS_NAMED: Final = (*Revision._fields[3:12], "revision", "hash")


ENTRIES: Final = Keyed(PLACE, sa.select(*columns(entries, Entry)))
DRAWS: Final = Keyed((draws.c.account_id, draws.c.seq), sa.select(*columns(draws, Draw)), many=True)
MADE: Final = Keyed(
    (grants.c.account_id, grants.c.seq), sa.select(*columns(grants, Grant)), many=True
)
TERMS: Final = Keyed(
    PLACE,
    sa.select(
        *PLACE,
        *(revisions.c[name] for name in TERMS_NAMED),
        accounts.c.created_at,
        revisions.c.caps,
    ).select_from(
        entries.join(revisions, TERMS_THEN).join(accounts, accounts.c.id == entries.c.account_id)
    ),
)
CHAINS: Final = Statement(
    sa.select(*columns(entries, Entry)).where(AnyOf(entries.c.hold_id, "holds"))
)
REFUSALS: Final = Statement(
    sa.select(*columns(refusals, Refusal)).where(AnyOf(refusals.c.id, "refusals"))
)


def find_outcome(connection: Connection, service: str, key: str) -> Outcome | None:
    """What came of a service's key; None if it never happened."""
    return outcomes_of(connection, answered_of(connection, service, [key])).get((service, key))


def known_keys(connection: Connection, service: str, keys: Iterable[str]) -> set[str]:
    """Those of a service's keys that have had their outcome."""
    return {each.key for each in answered_of(connection, service, keys)}


def answered_of(connection: Connection, service: str, keys: Iterable[str]) -> list[Answered]:
    """Where the outcomes of a service's keys are, of those that have one."""
    wanted = {"wanted": [(service, key) for key in keys]}
    [rows] = read_all(connection, [(REQUESTS, wanted)])
    return [Answered._make(row) for row in rows]


def outcomes_of(connection: Connection, answered: Iterable[Answered]) -> dict[Key, Outcome]:
    """The outcome of each answered request, marked as replayed: a function of its rows only."""
    bound = list(answered)
    if not bound:
        return {}
    rows = Rows(connection, bound)
    return {(each.service, each.key): rows.outcome_of(each) for each in bound}


class Rows:
    """The committed rows that answered requests; read all at once."""

    def __init__(self, connection: Connection, bound: Sequence[Answered]) -> None:
        at = {"wanted": [each[2:4] for each in bound if each.seq is not None]}
        refused = {"refusals": [each.refusal_id for each in bound if each.refusal_id is not None]}
        places = [(each, at) for each in (ENTRIES, DRAWS, MADE, TERMS)]
        found, drawn, made, terms, blocked = read_all(connection, [*places, (REFUSALS, refused)])
        self.entries = {row[:2]: Entry._make(row) for row in found}
        self.draws: dict[Place, list[Draw]] = defaultdict(list)
        for draw in sorted(Draw._make(row) for row in drawn):
            self.draws[draw[:2]].append(draw)
        self.grants = {row[0]: Grant._make(row) for row in made}
        self.terms = {row[:2]: row[2:] for row in terms}
        self.refusals = {row[0]: Refusal._make(row) for row in blocked}
        self.load_holds(connection)

    def load_holds(self, connection: Connection) -> None:
        """The holds that entries belong to, and all entries of each, by a trip of their own.

        As one join with the entries they could be read whole for each key: a plan made while
        there were no holds takes that for as good.
        """
        self.holds: dict[str, Hold] = {}
        self.chains: dict[str | None, list[Entry]] = defaultdict(list)
        named = {"holds": sorted({each.hold_id for each in self.entries.values() if each.hold_id})}
        if named["holds"]:
            held, chains = read_all(connection, [(NAMED_HOLDS, named), (CHAINS, named)])
            self.holds = {row[0]: Hold._make(row) for row in held}
            for entry in sorted(map(Entry._make, chains), key=lambda each: each.seq):
                self.chains[entry.hold_id].append(entry)

    def outcome_of(self, answered: Answered) -> Outcome:
        """The outcome of one of them."""
        if answered.seq is None:
            return refused_again(self.refusals[answered.refusal_id or ""])
        place = (answered.account_id, answered.seq)
        entry = self.entries[place]
        drawn = entry.own_draws or tuple(self.draws[place])
        grants = (self.grants.get(draw.grant_id or "") for draw in drawn)
        return Posted(
            account_at(entry, self.terms[place]),
            entry,
            drawn,
            self.hold_of(entry),
            tuple(
                grant._replace(remaining=0, pinned=0)
                for grant in grants
                if grant is not None and grant.seq == entry.seq
            ),
            replayed=True,
        )

    def hold_of(self, entry: Entry) -> Hold | None:
        """The hold of an entry as it stood right after that entry."""
        if entry.hold_id is None:
            return None
        chain = self.chains[entry.hold_id]
        return hold_after(
            self.holds[entry.hold_id], (each for each in chain if each.seq <= entry.seq)
        )


def account_at(entry: Entry, terms: Row) -> Account:
    """The account as it stood right after an entry, under the terms that were in force."""
    moved = (entry.posted_after, entry.held_after, entry.seq, entry.hash)
    then = (*moved, entry.recorded_at, entry.due_after)
    return Account._make((entry.account_id, *terms[:9], *then, *terms[9:]))


def refused_again(refusal: Refusal) -> Refused:
    """The refusal that a key is bound to, with the numbers of then."""
    numbers = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(refusal.details).items()
    }
    return Refused(CODES[refusal.code](**numbers), replayed=True, refusal_id=refusal.id)
