"""When something falls due next on an account: what is said of it is decided here alone."""

from collections.abc import Iterable
from typing import Protocol

from portal.ledger.model import Grant


class Ending(Protocol):
    """What sets credits aside until an instant: a hold, or the last entry that says it lives."""

    @property
    def expires_at(self) -> int | None:
        """The instant, in UTC microseconds."""


def next_due(period_end: int, grants: Iterable[Grant], holds: Iterable[Ending]) -> int:
    """The earliest instant at which something falls due: period, open hold or unpinned grant."""
    due = period_end
    for grant in grants:
        expires_at = grant.expires_at
        if expires_at is not None and expires_at < due and grant.remaining > grant.pinned:
            due = expires_at
    for hold in holds:
        expires_at = hold.expires_at
        if expires_at is not None and expires_at < due:
            due = expires_at
    return due
