"""The burn order: which grants pay, in which order, and what may be spent in all."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from portal.ledger.model import Account, Grant

FOREVER: Final = 2**63 - 1
ORIGIN_RANK: Final = {
    "promotion": 0,
    "rollover": 1,
    "allocation": 2,
    "reinstatement": 3,
    "goodwill": 4,
    "import": 5,
    "purchase": 6,
}
PRIORITY: Final = {
    "promotion": 10,
    "rollover": 15,
    "reinstatement": 15,
    "allocation": 20,
    "goodwill": 30,
    "import": 40,
    "purchase": 50,
}


class Standing(Protocol):
    """What can pay: a frozen state, or the open book of one."""

    @property
    def account(self) -> Account:
        """The account, with what it may owe."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Its grants with credits remaining, in burn order."""


class Part(NamedTuple):
    """Credits of one grant (None: the overdraft) that pay for something."""

    grant_id: str | None
    amount: int


def burn_key(grant: Grant) -> tuple[int, int, int, int, str]:
    """Sort key of the burn order: total and deterministic. Rule: ledger.md §5."""
    expires_at = FOREVER if grant.expires_at is None else grant.expires_at
    rank = ORIGIN_RANK[grant.origin]
    return (grant.priority, expires_at, rank, grant.effective_at, grant.id)


def in_burn_order(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Grants in the order in which they are spent."""
    return tuple(sorted(grants, key=burn_key))


def pays(grant: Grant, operation: str | None, now: int) -> bool:
    """Whether a grant is live at `now` and may pay for `operation` (None: for anything)."""
    if grant.effective_at > now or (grant.expires_at is not None and grant.expires_at <= now):
        return False
    return operation is None or grant.operations is None or operation in grant.operations.split(",")


def owed(standing: Standing) -> int:
    """Credits of overdraft in use: posted credits lack this much of what grants still hold."""
    return sum(grant.remaining for grant in standing.grants) - standing.account.posted


def overdraft_used(standing: Standing) -> int:
    """Credits of the overdraft that are owed, or that holds have pinned on it."""
    free = sum(grant.remaining - grant.pinned for grant in standing.grants)
    return free - standing.account.posted + standing.account.held


def overdraft_room(standing: Standing) -> int:
    """Credits the overdraft still lends."""
    return max(0, standing.account.overdraft_limit - overdraft_used(standing))


def spendable(standing: Standing, operation: str | None, now: int) -> int:
    """Credits that may be spent on `operation` at `now`: free grants that pay, and overdraft."""
    free = sum(
        grant.remaining - grant.pinned for grant in standing.grants if pays(grant, operation, now)
    )
    return free + overdraft_room(standing)


def take(
    standing: Standing, amount: int, operation: str | None, now: int
) -> tuple[list[Part], int]:
    """Parts that pay `amount`, in burn order, the overdraft last; and what they lack of it."""
    parts: list[Part] = []
    for grant in standing.grants:
        if amount == 0:
            break
        free = grant.remaining - grant.pinned
        if free and pays(grant, operation, now):
            part = min(free, amount)
            parts.append(Part(grant.id, part))
            amount -= part
    lent = min(amount, overdraft_room(standing)) if amount else 0
    if lent:
        parts.append(Part(None, lent))
    return parts, amount - lent
