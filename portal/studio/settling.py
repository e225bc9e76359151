"""What is decided about a job after its work: a verdict that was missing, or a refund."""

from collections.abc import Iterable
from typing import Final

from portal.client import Credits
from portal.studio.jobs import Job, pieces_of

CHARGED_BY: Final = ("capture", "debit")
DEADLINE: Final = 10.0  # seconds that a page may take over it


def take(credits: Credits, job: Job, kept: Iterable[int]) -> None:
    """It went well after all: take the price of the pieces that are kept. Raises CreditsError."""
    pieces = pieces_of(job.wish)
    units = sum(pieces[number].units for number in kept)
    due = -(-job.quoted * units // job.units)
    credits.capture(job.hold, due, key=f"{job.id}-capture", deadline=DEADLINE)


def give_back(credits: Credits, job: Job) -> None:
    """It came to nothing: release what is held. Raises CreditsError."""
    credits.release(job.hold, "failed", key=f"{job.id}-release", deadline=DEADLINE)


def refund(credits: Credits, job: Job) -> None:
    """What was handed out turned out to be faulty: refund it. Raises CreditsError."""
    for entry in credits.entries(job.wish.account, kind=CHARGED_BY, reference=job.id):
        credits.refund(entry, "failed", key=f"{job.id}-refund", deadline=DEADLINE)
