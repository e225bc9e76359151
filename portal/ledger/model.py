"""The values of the ledger: frozen rows, nothing that decides, loads or appends.

Rows are named tuples in column order, so the same value is what the engine decides
with, what the chain hashes and what the driver inserts. Amounts are whole credits,
times are UTC microseconds.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

AMOUNT_MAX: Final = 10**12
BALANCE_MAX: Final = 9 * 10**15
GENESIS: Final = bytes(32)
MICROSECONDS: Final = 1_000_000
DAY: Final = 86_400 * MICROSECONDS

KINDS: Final = ("grant", "debit", "hold", "capture", "release", "expiry", "refund", "adjustment")
ORIGINS: Final = (
    "allocation",
    "purchase",
    "promotion",
    "goodwill",
    "rollover",
    "import",
    "reinstatement",
)
STATUSES: Final = ("active", "suspended", "frozen", "closed")


class Actor(NamedTuple):
    """Who asked: a service (with the key it signed with), an admin, or the system."""

    kind: str
    name: str
    key_id: str | None = None


SYSTEM: Final = Actor("system", "ledger")


class Reference(NamedTuple):
    """What an entry is about: a task, generation, payment, period or ticket."""

    type: str
    id: str


class Request(NamedTuple):
    """One intention of one service: its key and the canonical JSON of what it asked."""

    service: str
    key: str
    body: str


class Account(NamedTuple):
    """One customer's credits; posted, held, seq and head_hash are moved by the database."""

    id: str
    name: str
    tier: str
    next_tier: str | None
    status: str
    overdraft_limit: int
    time_zone: str
    anchor_at: int
    period_start: int
    period_end: int
    posted: int
    held: int
    seq: int
    head_hash: bytes
    changed_at: int
    next_due_at: int | None
    revision: int
    revision_hash: bytes
    created_at: int
    caps: str | None = None

    @property
    def available(self) -> int:
        """Credits that are posted and not held (law 2)."""
        return self.posted - self.held


class Revision(NamedTuple):
    """One immutable change of an account's terms: name, plan, status, limits or period."""

    account_id: str
    revision: int
    reason: str
    name: str
    tier: str
    next_tier: str | None
    status: str
    overdraft_limit: int
    time_zone: str
    anchor_at: int
    period_start: int
    period_end: int
    actor_kind: str
    actor: str
    note: str | None
    as_of_seq: int
    occurred_at: int
    recorded_at: int
    caps: str | None
    prev_hash: bytes
    hash: bytes


class Entry(NamedTuple):
    """One immutable event on one account; with a grant_id the row is its one draw itself."""

    account_id: str
    seq: int
    id: str
    kind: str
    amount: int
    hold_amount: int
    posted_after: int
    held_after: int
    due_after: int | None
    reason: str
    reference_type: str | None
    reference_id: str | None
    operation: str | None
    quantity: int | None
    tariff: str | None
    actor_kind: str
    actor: str
    key_id: str | None
    idempotency_key: str | None
    hold_id: str | None
    reverses_id: str | None
    resolution: str | None
    expires_at: int | None
    approved_by: str | None
    note: str | None
    labels: str | None
    metadata: str | None
    occurred_at: int
    recorded_at: int
    prev_hash: bytes
    hash: bytes
    grant_id: str | None = None

    @property
    def own_draws(self) -> "tuple[Draw, ...]":
        """The draw that the row is itself, if it is one."""
        draw = Draw(*self[:2], 0, self.grant_id, self.amount, self.hold_amount)
        return () if self.grant_id is None else (draw,)


class Draw(NamedTuple):
    """What an entry took from or gave to one grant; grant_id None is the overdraft."""

    account_id: str
    seq: int
    position: int
    grant_id: str | None
    amount: int
    pinned: int


class Grant(NamedTuple):
    """A lot of credits; remaining and pinned are moved by the database through draws."""

    id: str
    account_id: str
    seq: int
    origin: str
    priority: int
    amount: int
    effective_at: int
    expires_at: int | None
    operations: str | None
    parent_id: str | None
    remaining: int
    pinned: int

    @property
    def free(self) -> int:
        """Credits of this grant that no open hold has pinned."""
        return self.remaining - self.pinned


class Hold(NamedTuple):
    """Credits set aside before a job; amount counts all set aside, captured all spent."""

    id: str
    account_id: str
    seq: int
    service: str
    operation: str
    quantity: int
    tariff: str
    reference_type: str
    reference_id: str
    amount: int
    captured: int
    expires_at: int
    created_at: int
    status: str
    resolved_seq: int | None

    @property
    def rest(self) -> int:
        """Credits still set aside by this hold while it is open."""
        return self.amount - self.captured


class Pin(NamedTuple):
    """What one open hold has pinned on one grant (None: on the overdraft), in burn order."""

    grant_id: str | None
    amount: int


class Refusal(NamedTuple):
    """A blocked attempt: what was required, what was available and which rule blocked it."""

    id: str
    account_id: str
    as_of_seq: int
    command: str
    code: str
    operation: str | None
    quantity: int | None
    required: int | None
    available: int
    held: int
    reference_type: str | None
    reference_id: str | None
    actor_kind: str
    actor: str
    key_id: str | None
    idempotency_key: str | None
    details: str
    recorded_at: int
    hash: bytes


class Answered(NamedTuple):
    """A known idempotency key: the request it stands for and where its outcome is."""

    service: str
    key: str
    account_id: str
    seq: int | None
    refusal_id: str | None
    body: str
    recorded_at: int
    hash: bytes


class Published(NamedTuple):
    """A price list as it was published: its document, the document's digest, who and when."""

    name: str
    effective_at: int
    sha256: str
    document: str
    published_at: int
    published_by: str
    hash: bytes


class State(NamedTuple):
    """All that decides an account's next entry: its row, live grants and open holds.

    `grants` are those with credits remaining, in burn order; `pins` hold every hold that a
    command may close or that has fallen due.
    """

    account: Account
    grants: tuple[Grant, ...]
    holds: Mapping[str, Hold]
    pins: Mapping[str, tuple[Pin, ...]]


class Reversible(NamedTuple):
    """A debit or capture that can be refunded: its draws and what has gone back already."""

    entry: Entry
    draws: tuple[Draw, ...]
    grants: Mapping[str, Grant]
    returned: Mapping[str | None, int]

    @property
    def charged(self) -> int:
        """Credits the entry took."""
        return -self.entry.amount

    @property
    def refunded(self) -> int:
        """Credits that have gone back to the account so far."""
        return sum(self.returned.values())
