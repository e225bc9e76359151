"""The life of an audiobook studio on the largest plan: busy, once in debt, made good twice."""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Final

from portal import ledger, pricing
from portal.cli.demo import jobs
from portal.cli.demo.cast import ADMIN, NORTHWIND, SECOND_ADMIN
from portal.cli.demo.jobs import Job
from portal.cli.demo.orders import Service
from portal.cli.demo.rhythm import Rhythm, instants
from portal.cli.demo.stage import DAY, HOUR, MINUTE, Scene, Script, Step

ACCOUNT: Final = NORTHWIND.account
RHYTHM: Final = Rhythm((9, 15), (1, 5), 6, 11, 19)
BOOKS: Final = ("the-salt-road", "midnight-orchard", "a-map-of-rain", "letters-from-tromso")
TURNED_DAYS_AGO: Final = 12
NARRATORS: Final = (82, 66, 51, 30, 17, 5)
BOX: Final = {"project": "northern-saga-box"}
DEBT: Final = -8_000
LONG_SECONDS: Final = 12 * 3_600


def life(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """All that Northwind does in a scene."""
    anchor_at = pricing.boundary(scene.on(TURNED_DAYS_AGO, 0), -12)
    yield opening(scene, service, anchor_at)
    yield from daily_work(scene, service, lots)
    for number, days in enumerate(NARRATORS, start=1):
        yield new_narrator(scene.on(days, 9, 4 * number), service, number)
    yield box_set(scene, service)
    yield top_up(scene.on(44, 8, 12), service, 60_000, "pay-nw-2041")
    yield top_up(scene.on(9, 14, 40), service, 100_000, "pay-nw-2107")
    yield from bad_morning(scene.on(25, 8, 5), service, lots)
    yield made_good(scene.on(24, 13, 20))
    yield corrected(scene.on(6, 10, 2))
    yield jobs.late(job(service, 5_200, "late-1", scene.on(18, 16, 48)), lots)
    yield jobs.reported_late(job(service, 3_100, "offline-1", scene.on(10, 11, 31)), lots)
    yield from today(scene, service, lots)


def opening(scene: Scene, service: Service, anchor_at: int) -> Script:
    """The account, opened in the middle of a period that is counted from elsewhere."""
    who = NORTHWIND
    terms = service.account(who.account, who.name, who.tier, anchor_at, who.time_zone)
    yield Step(scene.opens, terms)


def daily_work(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """Passages to narrate, as they come, with all that may become of a job."""
    for number, at in enumerate(instants(scene, RHYTHM, lots), start=1):
        quantity = min(9_000, max(120, int(lots.lognormvariate(7.0, 0.55))))
        book = BOOKS[at // (20 * DAY) % len(BOOKS)]
        end = jobs.ending(lots)
        operation = "generate.fast" if end is jobs.debited else "generate"
        passage = Job(
            service, ACCOUNT, operation, quantity, f"{ACCOUNT}-gen-{number:05d}", at,
            {"project": book},
        )  # fmt: skip
        yield end(passage, lots)


def new_narrator(at: int, service: Service, number: int) -> Script:
    """Some previews of a designed voice, then the voice itself cloned."""
    labels = {"voice": f"narrator-{number}"}
    preview = f"{ACCOUNT}-design-{number:02d}"
    yield Step(at, service.debit(ACCOUNT, "design", 3, preview, labels))
    again = service.debit(ACCOUNT, "design", 2, f"{preview}b", labels)
    yield Step(at + 25 * MINUTE, again)
    name = f"{ACCOUNT}-clone-{number:02d}"
    placed = yield Step(at + HOUR, service.hold(ACCOUNT, "clone", 1, name, labels))
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        captured = service.capture(placed.hold, placed.hold.amount)
        yield Step(at + HOUR + 18 * MINUTE, captured)


def box_set(scene: Scene, service: Service) -> Script:
    """A box set due at the period's end, rendered until it runs into the overdraft."""
    at, ends = scene.on(46, 9), scene.on(44, 6)
    for number in count(1):
        name = f"{ACCOUNT}-box-{number:03d}"
        order = service.hold(ACCOUNT, "generate", 14_500, name, BOX)
        placed = yield Step(at, order)
        if isinstance(placed, ledger.Refused) or placed.hold is None:
            return
        done = yield Step(at + 7 * MINUTE, service.capture(placed.hold, placed.hold.amount))
        at += 40 * MINUTE
        spent = isinstance(done, ledger.Posted) and done.account.available < DEBT
        if spent or at > ends:
            return


def top_up(at: int, service: Service, credits: int, payment: str) -> Script:
    """Credits bought: what is owed is repaid first."""
    reference = ledger.Reference("payment", payment)
    yield Step(at, service.grant(ACCOUNT, credits, "purchase", reference))


def bad_morning(at: int, service: Service, lots: Random) -> Iterator[Script]:
    """An hour in which jobs failed one after another."""
    for number in range(1, 8):
        end = jobs.timed_out if number % 3 == 0 else jobs.failed
        instant = at + number * 8 * MINUTE
        yield end(job(service, 1_900 + 130 * number, f"outage-{number}", instant), lots)


def made_good(at: int) -> Script:
    """Compensation for it: one admin asks, another approves."""
    note = "Seven jobs failed on one morning; agreed with the customer by phone."
    yield Step(at, adjustment(5_000, "compensation", "T-3312", note))


def corrected(at: int) -> Script:
    """A correction downwards, of credits that were given twice."""
    note = "The compensation of T-3312 counted one job that had been refunded already."
    yield Step(at, adjustment(-640, "correction", "T-3340", note))


def adjustment(amount: int, reason: str, ticket: str, note: str) -> ledger.Adjust:
    """An adjustment by two people."""
    return ledger.Adjust(
        actor=ledger.Actor("admin", ADMIN),
        account_id=ACCOUNT,
        amount=amount,
        reason=reason,
        reference=ledger.Reference("ticket", ticket),
        approved_by=SECOND_ADMIN,
        note=note,
    )


def today(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """The last hour, and a long render that is still at work when the history ends."""
    for number, minutes in enumerate((55, 41, 28, 16, 9, 4), start=1):
        at = scene.back(minutes)
        yield jobs.completed(job(service, 700 + 211 * number, f"today-{number}", at), lots)
    yield long_render(scene.back(21), service)


def long_render(at: int, service: Service) -> Script:
    """A hold that is open for hours."""
    name = f"{ACCOUNT}-render-001"
    yield Step(at, service.hold(ACCOUNT, "generate", 42_000, name, BOX, ttl_seconds=LONG_SECONDS))


def job(service: Service, quantity: int, name: str, at: int) -> Job:
    """A passage of speech with a name of its own."""
    labels = {"project": BOOKS[2]}
    return Job(service, ACCOUNT, "generate", quantity, f"{ACCOUNT}-{name}", at, labels)
