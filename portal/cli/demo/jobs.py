"""What becomes of a job, from its hold to its end: one script for each row of the outcome table."""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple, TypeAlias

from portal import ledger
from portal.cli.demo.orders import Labels, Service
from portal.cli.demo.stage import DAY, HOUR, MINUTE, SECOND, Script, Step


class Job(NamedTuple):
    """A job of a customer: what is asked for, when, under which name and labels."""

    service: Service
    account: str
    operation: str
    quantity: int
    name: str
    at: int
    labels: Labels

    @property
    def hold(self) -> ledger.PlaceHold:
        """The command that sets its price aside."""
        return self.service.hold(
            self.account, self.operation, self.quantity, self.name, self.labels
        )

    @property
    def debit(self) -> ledger.Debit:
        """The command that charges it at once."""
        return self.service.debit(
            self.account, self.operation, self.quantity, self.name, self.labels
        )


Ending: TypeAlias = Callable[[Job, Random], Script]


def completed(job: Job, lots: Random) -> Script:
    """Held, done, charged in full."""
    placed = yield Step(job.at, job.hold)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        done = job.at + duration(job, lots)
        yield Step(done, job.service.capture(placed.hold, placed.hold.amount))


def partly_done(job: Job, lots: Random) -> Script:
    """Held, stopped half-way with what was made kept: that part is charged."""
    placed = yield Step(job.at, job.hold)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        part = -(-placed.hold.amount * lots.randint(2, 8) // 10)
        yield Step(job.at + duration(job, lots), job.service.capture(placed.hold, part))


def failed(job: Job, lots: Random) -> Script:
    """Held, nothing came of it, all released."""
    yield from released(job, job.at + duration(job, lots), "failed")


def timed_out(job: Job, lots: Random) -> Script:
    """Held, no answer within the time a job may take, all released."""
    yield from released(job, job.at + lots.randint(9, 13) * MINUTE, "timed_out")


def cancelled(job: Job, lots: Random) -> Script:
    """Held, called off before it began."""
    yield from released(job, job.at + lots.randint(2, 20) * SECOND, "cancelled")


def moderated(job: Job, lots: Random) -> Script:
    """Held, done, and kept back by moderation: not charged."""
    yield from released(job, job.at + duration(job, lots), "moderated")


def released(job: Job, at: int, reason: str) -> Script:
    """Held, and released at an instant for a reason."""
    placed = yield Step(job.at, job.hold)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        yield Step(at, job.service.release(placed.hold, reason))


def lost(job: Job, lots: Random) -> Script:
    """Held by a worker that was never heard of again: the hold runs out by itself."""
    yield Step(job.at, job.hold)


def late(job: Job, lots: Random) -> Script:
    """Held, and finished only after the hold had run out: charged late, and flagged."""
    placed = yield Step(job.at, job.hold)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        done = placed.hold.expires_at + lots.randint(10, 90) * MINUTE
        yield Step(done, job.service.capture(placed.hold, placed.hold.amount))


def extended(job: Job, lots: Random) -> Script:
    """Held, longer at work than the hold lives: the worker asked for more time first."""
    placed = yield Step(job.at, job.hold)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        hold = placed.hold
        yield Step(job.at + 12 * MINUTE, job.service.extend(hold, 30 * 60))
        yield Step(job.at + 26 * MINUTE, job.service.capture(hold, hold.amount))


def debited(job: Job, lots: Random) -> Script:
    """Charged at once, without a hold."""
    yield Step(job.at, job.debit)


def refunded(job: Job, lots: Random) -> Script:
    """Charged, and given back wholly or in part when it turned out wrong."""
    charged = yield Step(job.at, job.debit)
    if isinstance(charged, ledger.Posted) and charged.entry is not None:
        reason = lots.choice(("failed", "timed_out", "wrong_charge", "partial", "goodwill"))
        paid = -charged.entry.amount
        whole = reason not in ("partial", "goodwill") or paid < 4
        at = job.at + lots.randint(5 * MINUTE, 2 * DAY)
        credits = None if whole else paid * lots.randint(2, 6) // 8
        yield Step(at, job.service.refund(charged.entry, reason, credits))


def reported_late(job: Job, lots: Random) -> Script:
    """Work done offline and told days afterwards: priced by the time it was done."""
    terms = (job.account, job.operation, job.quantity, job.name, job.labels)
    told = job.at + lots.randint(30 * HOUR, 70 * HOUR)
    yield Step(told, job.service.debit(*terms, occurred_at=job.at))


def duration(job: Job, lots: Random) -> int:
    """How long a job takes: some seconds, and more for more."""
    return (3 + lots.randint(0, 6)) * SECOND + min(job.quantity, 60_000) * 6 * SECOND // 1_000


# How often each end comes, in a thousand.
MIXTURE: Final[tuple[tuple[Ending, int], ...]] = (
    (completed, 780),
    (debited, 75),
    (partly_done, 40),
    (failed, 35),
    (refunded, 22),
    (cancelled, 16),
    (timed_out, 12),
    (extended, 8),
    (lost, 6),
    (moderated, 4),
    (reported_late, 2),
)


def ending(lots: Random) -> Ending:
    """One end of a job, as often as it happens."""
    ends = [end for end, _ in MIXTURE]
    return lots.choices(ends, [weight for _, weight in MIXTURE])[0]
