"""The life of a newcomer on the free plan: a welcome gift that lapsed, and little left."""

from collections.abc import Iterator
from random import Random
from typing import Final

from portal import ledger
from portal.cli.demo import jobs
from portal.cli.demo.cast import MIRA
from portal.cli.demo.jobs import Job
from portal.cli.demo.orders import Service
from portal.cli.demo.stage import DAY, HOUR, MINUTE, SECOND, Scene, Script, Step

ACCOUNT: Final = MIRA.account
CAME_DAYS_AGO: Final = 24
GIFT: Final = 500
GIFT_DAYS: Final = 10
LEFT: Final = 38


def life(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """All that Mira does in a scene."""
    came = max(scene.on(CAME_DAYS_AGO, 18, 20), scene.opens)
    yield arrival(came, service)
    yield from first_tries(came, service, lots)
    yield own_voice(scene.on(11, 17, 35), service)
    yield from evenings(scene, service, lots)
    yield too_many_at_once(scene.on(9, 19, 2), service)
    yield too_long(scene.on(7, 18, 44), service)
    yield second_voice(scene.on(3, 20, 15), service)
    yield last_words(scene.on(1, 20, 40), service)


def arrival(at: int, service: Service) -> Script:
    """The account, and a gift for speech alone that lapses soon."""
    who = MIRA
    yield Step(at, service.account(who.account, who.name, who.tier, at, who.time_zone))
    reference = ledger.Reference("ticket", "welcome-2026")
    gift = service.grant(
        ACCOUNT, GIFT, "promotion", reference, at + GIFT_DAYS * DAY, ("generate", "generate.fast")
    )
    yield Step(at + 2 * SECOND, gift)


def first_tries(came: int, service: Service, lots: Random) -> Iterator[Script]:
    """Greetings and verses on the first evenings; the gift pays, and part of it stays unused."""
    for number in range(1, 7):
        at = came + number * DAY + lots.randint(-90, 90) * MINUTE
        poem = Job(
            service, ACCOUNT, "generate", lots.randint(35, 62), f"{ACCOUNT}-hello-{number:02d}", at,
            {"mood": lots.choice(("calm", "bright"))},
        )  # fmt: skip
        yield jobs.completed(poem, lots) if number != 4 else jobs.failed(poem, lots)


def own_voice(at: int, service: Service) -> Script:
    """A preview of a voice, then her own one cloned."""
    yield Step(at, service.debit(ACCOUNT, "design", 1, f"{ACCOUNT}-design-01"))
    placed = yield Step(at + HOUR, service.hold(ACCOUNT, "clone", 1, f"{ACCOUNT}-clone-01"))
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        captured = service.capture(placed.hold, placed.hold.amount)
        yield Step(at + HOUR + 12 * MINUTE, captured)


def evenings(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """A verse now and then, in her own voice."""
    for number, days in enumerate((10, 8, 8, 6, 5, 4, 2), start=1):
        at = scene.on(days, lots.randint(16, 20), lots.randint(0, 59))
        end = {3: jobs.partly_done, 5: jobs.lost, 6: jobs.cancelled}.get(number, jobs.completed)
        name = f"{ACCOUNT}-verse-{number:02d}"
        quantity = lots.randint(24, 58)
        yield end(Job(service, ACCOUNT, "generate", quantity, name, at, {"voice": "mine"}), lots)


def too_many_at_once(at: int, service: Service) -> Script:
    """Three jobs at the same moment, where the plan allows two."""
    placed: list[ledger.Hold] = []
    for number in range(1, 4):
        name = f"{ACCOUNT}-chorus-{number}"
        done = yield Step(at + number * SECOND, service.hold(ACCOUNT, "generate", 15, name))
        if isinstance(done, ledger.Posted) and done.hold is not None:
            placed.append(done.hold)
    for hold in placed:
        yield Step(at + 20 * SECOND, service.capture(hold, hold.amount))


def too_long(at: int, service: Service) -> Script:
    """A story longer than the plan allows in one job."""
    yield Step(at, service.debit(ACCOUNT, "generate", 1_340, f"{ACCOUNT}-story"))


def second_voice(at: int, service: Service) -> Script:
    """A second voice that the rest does not pay for."""
    yield Step(at, service.hold(ACCOUNT, "clone", 1, f"{ACCOUNT}-clone-02"))


def last_words(at: int, service: Service) -> Script:
    """What is left, but for a little."""
    done = yield Step(at, service.debit(ACCOUNT, "generate", 12, f"{ACCOUNT}-goodnight-00"))
    for number in range(1, 12):
        left = done.account.available - LEFT if isinstance(done, ledger.Posted) else 0
        if left <= 0:
            return
        name = f"{ACCOUNT}-goodnight-{number:02d}"
        at += 7 * MINUTE
        done = yield Step(at, service.debit(ACCOUNT, "generate", min(left, 64), name))
