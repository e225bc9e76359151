"""Reads what the ledger knows of a job, and writes the billing note from that."""

from typing import NamedTuple

from portal.client import Credits, Entry
from portal.studio.jobs import Job
from portal.studio.notes import billing_note


class Told(NamedTuple):
    """A job's entries, oldest first, and the note that says the same."""

    entries: list[Entry]
    note: str

    @property
    def is_settled(self) -> bool:
        """Whether somebody ended the hold; one that ran out may still be captured, late."""
        last = self.entries[-1] if self.entries else None
        return last is not None and last.kind != "hold" and last.reason != "expired"


def tell(credits: Credits, job: Job) -> Told:
    """What the ledger says of a job now. Raises CreditsError."""
    entries = list(credits.entries(job.wish.account, reference=job.id))[::-1]
    is_open = sum(entry.hold_amount for entry in entries) != 0
    hold = credits.get_hold(str(entries[0].hold)) if is_open else None
    return Told(entries, billing_note(entries, hold))
