"""The open book of one account while a command is decided: the one place entries are made.

It starts from a frozen state, and gives a frozen state back; what it drafted in between is
appended by `posting`, or thrown away by a preview.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

from portal import pricing
from portal.ledger.burn import Part, in_burn_order
from portal.ledger.dues import next_due
from portal.ledger.errors import BalanceLimitError, LawBrokenError
from portal.ledger.identifiers import Ids
from portal.ledger.model import (
    BALANCE_MAX,
    SYSTEM,
    Account,
    Draw,
    Entry,
    Grant,
    Hold,
    Pin,
    Revision,
    State,
)

PENDING: Final = b""
POSTED: Final = Account._fields.index("posted")
REVISION: Final = Account._fields.index("revision")
assert Account._fields[POSTED:REVISION] == (
    "posted",
    "held",
    "seq",
    "head_hash",
    "changed_at",
    "next_due_at",
)
Value = TypeVar("Value")
REASON: Final = Entry._fields.index("reason")


class About(NamedTuple):
    """What an entry says of itself beside its amounts, in its own order; None for nothing."""

    reason: str
    reference_type: str | None = None
    reference_id: str | None = None
    operation: str | None = None
    quantity: int | None = None
    tariff: str | None = None
    actor_kind: str = SYSTEM.kind
    actor: str = SYSTEM.name
    key_id: str | None = None
    idempotency_key: str | None = None
    hold_id: str | None = None
    reverses_id: str | None = None
    resolution: str | None = None
    expires_at: int | None = None
    approved_by: str | None = None
    note: str | None = None
    labels: str | None = None
    metadata: str | None = None


assert Entry._fields[REASON:].index("occurred_at") == len(About._fields)
assert Entry._fields[REASON : REASON + len(About._fields)] == About._fields


class Draft(NamedTuple):
    """One entry to append with its draws and the grants it makes; hashes still pending."""

    entry: Entry
    draws: tuple[Draw, ...]
    grants: tuple[Grant, ...]


class Book:
    """One account's state as entries are drafted onto it; `now` never runs backwards."""

    __slots__ = (
        "account",
        "drafts",
        "grants",
        "holds",
        "ids",
        "now",
        "pins",
        "revisions",
        "tariffs",
    )

    def __init__(self, state: State, now: int, tariffs: pricing.Tariffs, ids: Ids) -> None:
        self.account, self.grants, self.holds, self.pins = state
        self.now = max(now, self.account.changed_at)
        self.tariffs = tariffs
        self.ids = ids
        self.drafts: list[Draft] = []
        self.revisions: list[Revision] = []

    @property
    def state(self) -> State:
        """The frozen state as it stands after all drafts."""
        return State(self.account, self.grants, self.holds, self.pins)

    def draft(
        self,
        kind: str,
        about: About,
        draws: Iterable[tuple[str | None, int, int]],
        *,
        occurred_at: int,
        grants: tuple[Grant, ...] = (),
    ) -> Draft:
        """Draft one entry from its draws `(grant, amount, pinned)`, and move the state by it.

        Its amounts are the sums of its draws, so the two can never disagree (law 1). Raises
        BalanceLimitError past 9*10^15 credits, LawBrokenError where a law would not hold.
        """
        account = self.account
        seq = account.seq + 1
        drawn: list[Draw] = []
        changes: dict[str | None, Draw] = {}
        amount = hold_amount = 0
        for grant_id, change, pin in draws:
            changes[grant_id] = draw = Draw(account.id, seq, len(drawn), grant_id, change, pin)
            drawn.append(draw)
            amount += change
            hold_amount += pin
        rows = tuple(drawn)
        posted, held = account.posted + amount, account.held + hold_amount
        if amount > 0 and posted > BALANCE_MAX:
            raise BalanceLimitError(account.id, BALANCE_MAX, account.posted, amount)
        created: tuple[Grant, ...] = ()
        if grants:
            created = tuple(grant._replace(seq=seq) for grant in grants)
            self.restore(created)
        self.grants = moved(self.grants, changes)
        # By place: _replace costs as much as all the rest of a draft, and each entry comes by here.
        due, now = self.due_at(), self.now
        entry_id, own = self.ids.new("ent", now), rows[0].grant_id if len(rows) == 1 else None
        moves = (account.id, seq, entry_id, kind, amount, hold_amount, posted, held, due)
        entry = Entry._make(moves + about + (occurred_at, now, PENDING, PENDING, own))
        standing = (posted, held, seq, account.head_hash, now, due)
        self.account = Account._make(account[:POSTED] + standing + account[REVISION:])
        if amount - hold_amount < 0 and posted - held < -account.overdraft_limit:
            raise LawBrokenError(3, account.id, seq)
        draft = Draft(entry, rows, created)
        self.drafts.append(draft)
        return draft

    def due_at(self) -> int:
        """The earliest instant at which something falls due."""
        return next_due(self.account.period_end, self.grants, self.holds.values())

    def restore(self, grants: Iterable[Grant]) -> None:
        """Bring grants onto the book that are not on it: new ones, or spent ones to refill."""
        known = {grant.id for grant in self.grants}
        added = [grant for grant in grants if grant.id not in known]
        self.grants = in_burn_order((*self.grants, *added))

    def set_hold(self, hold: Hold, pins: tuple[Pin, ...]) -> None:
        """Keep an open hold with what it has pinned."""
        self.holds = {**self.holds, hold.id: hold}
        self.pins = {**self.pins, hold.id: pins}

    def drop_hold(self, hold_id: str) -> None:
        """Forget a hold that is being closed."""
        self.holds = without(self.holds, hold_id)
        self.pins = without(self.pins, hold_id)

    def revise(
        self, account: Account, reason: str, actor: tuple[str, str], occurred_at: int, note: str
    ) -> None:
        """Draft a change of the account's terms, such as its tier, status or period."""
        revision = Revision(
            account.id,
            account.revision + 1,
            reason,
            account.name,
            account.tier,
            account.next_tier,
            account.status,
            account.overdraft_limit,
            account.time_zone,
            account.anchor_at,
            account.period_start,
            account.period_end,
            *actor,
            note or None,
            account.seq,
            occurred_at,
            self.now,
            account.caps,
            PENDING,
            PENDING,
        )
        self.account = account._replace(revision=revision.revision, changed_at=self.now)
        self.revisions.append(revision)


def spent(parts: Iterable[Part]) -> list[tuple[str | None, int, int]]:
    """Draws that take parts from what is posted."""
    return [(grant_id, -amount, 0) for grant_id, amount in parts]


def pinned(parts: Iterable[Part]) -> list[tuple[str | None, int, int]]:
    """Draws that set parts aside."""
    return [(grant_id, 0, amount) for grant_id, amount in parts]


def moved(grants: tuple[Grant, ...], changes: Mapping[str | None, Draw]) -> tuple[Grant, ...]:
    """Grants after their draws, still in burn order; those with nothing remaining are left out.

    Raises LawBrokenError where 0 <= pinned <= remaining would not hold (law 3).
    """
    after = []
    for grant in grants:
        draw = changes.get(grant.id)
        if draw is not None:
            remaining, pins = grant.remaining + draw.amount, grant.pinned + draw.pinned
            if not 0 <= pins <= remaining:
                raise LawBrokenError(3, grant.account_id, draw.seq)
            left = (remaining, pins)
            grant = Grant._make(grant[:10] + left)
        if grant.remaining:
            after.append(grant)
    return tuple(after)


def without(mapping: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    """A mapping less one key."""
    return {name: value for name, value in mapping.items() if name != key}
