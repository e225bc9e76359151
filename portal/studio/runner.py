"""One job from its quote to its end, charged by the client alone: quote, hold, work, settle.

Every request that changes an account has a key made from the job's id: whatever is done twice,
by a retry or by another worker, happens once.
"""

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError

from portal.client import (
    ArgumentError,
    Credits,
    CreditsError,
    HeldCredits,
    MisconfiguredError,
    RefusedError,
    UnreachableError,
)
from portal.studio.bench import Bench
from portal.studio.endings import REFUSED, BrokenError
from portal.studio.jobs import Job
from portal.studio.settings import Settings
from portal.studio.shelf import Shelf
from portal.studio.telling import tell

# After these nothing was done; after any other nobody knows.
CERTAIN = (ArgumentError, MisconfiguredError, RefusedError, UnreachableError)
log = logging.getLogger("portal.studio")


class Runner:
    """Runs jobs, one after another or many at once."""

    def __init__(self, credits: Credits, shelf: Shelf, settings: Settings) -> None:
        self.credits, self.shelf, self.settings = credits, shelf, settings

    def run(self, job: Job, called_off: Callable[[], bool]) -> None:
        """See a waiting job through: without the credits for it nothing is begun."""
        if job.wish.ending == REFUSED:
            self.shelf.end(job.id, "refused", "The studio does not take this on.")
        else:
            try:
                hold = self._hold(self._quoted(job))
            except CreditsError as error:
                stage = "refused" if isinstance(error, CERTAIN) else "undecided"
                self.shelf.end(job.id, stage, reason(error))
            else:
                self._work(job, hold, called_off)
        self._note(job)

    def repeat(self, job: Job) -> None:
        """Ask for the job's hold once more, by the same key: the portal answers as it did."""
        try:
            if job.hold and self._hold(job).placed.replayed:
                self.shelf.replayed(job.id)
        except CreditsError as error:
            log.warning("%s could not be asked for again: %s", job.id, error)
        self._note(job)

    def _note(self, job: Job) -> None:
        """Write the job's note anew; without an answer it stays as it is."""
        try:
            self.shelf.note(job.id, tell(self.credits, job).note)
        except CreditsError as error:
            log.warning("%s has no new note: %s", job.id, error)

    # --- the steps of one job --------------------------------------------------------------------

    def _quoted(self, job: Job) -> Job:
        """The job with its price; a price that was told is kept."""
        if job.quote:
            return job
        quote = self.credits.quote(job.wish.account, job.wish.operation, quantity=job.units)
        self.shelf.price(job.id, quote.id, quote.credits)
        return job._replace(quote=quote.id, quoted=quote.credits)

    def _hold(self, job: Job) -> HeldCredits:
        return self.credits.hold(
            job.wish.account,
            job.wish.operation,
            quantity=job.units,
            reference=job.id,
            quote=job.quote,
            ttl_seconds=self.settings.hold_seconds,
            heartbeat=True,
            key=f"{job.id}-hold",
        )

    def _work(self, job: Job, hold: HeldCredits, called_off: Callable[[], bool]) -> None:
        """Make the pieces; leaving the block charges, or gives everything back.

        Where neither was heard to be done, the job is undecided.
        """
        self.shelf.begin(job.id, hold.id)
        bench = Bench(job, hold, self.shelf, self.settings.step, called_off)
        try:
            with hold:
                bench.make()
        except (BrokenError, TimeoutError, CancelledError) as error:
            bench.said = str(error)
        except CreditsError as error:
            bench.said = f"The work was done; its price was not settled: {error}"
        stage = "undecided" if hold.state.status == "open" else "finished"
        self.shelf.end(job.id, stage, bench.said)


def reason(error: CreditsError) -> str:
    """Why nothing was begun, in words; of a refusal its code, too."""
    if isinstance(error, RefusedError):
        return f"The portal refused it: {error.detail} ({error.code})"
    return str(error)
