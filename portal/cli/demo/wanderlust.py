"""The life of a podcaster: one plan up for a season, down again, and short of credits now."""

from collections.abc import Iterator
from random import Random
from typing import Final

from portal import ledger, pricing
from portal.cli.demo import jobs
from portal.cli.demo.cast import WANDERLUST
from portal.cli.demo.jobs import Job
from portal.cli.demo.orders import Service
from portal.cli.demo.rhythm import Rhythm, instants
from portal.cli.demo.stage import HOUR, MINUTE, SECOND, Scene, Script, Step

ACCOUNT: Final = WANDERLUST.account
RHYTHM: Final = Rhythm((1, 4), (0, 2), 12, 17, 23)
TURNED_DAYS_AGO: Final = 20
UPGRADED_DAYS_AGO: Final = 62
DOWNGRADED_DAYS_AGO: Final = 31
LEFT: Final = 1_400
EPISODE: Final = {"show": "wanderlust", "part": "episode"}
TAKE: Final = {"show": "wanderlust", "part": "take"}


def life(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """All that Wanderlust does in a scene."""
    anchor_at = pricing.boundary(scene.on(TURNED_DAYS_AGO, 0), -12)
    yield plan(scene.opens, service, "starter", anchor_at)
    yield from daily_work(scene, service, lots)
    yield too_long(scene.on(75, 16, 10), service)
    yield short(scene.on(UPGRADED_DAYS_AGO, 13), service, anchor_at)
    yield from season(scene, service, lots)
    yield from shorts(scene, service, lots)
    yield plan(scene.on(DOWNGRADED_DAYS_AGO, 18), service, "starter", anchor_at)
    yield spending_down(scene.on(2, 11), service, "autumn", LEFT)
    yield from refused_episode(scene, service)
    yield snippet(scene.back(34), service)


def plan(at: int, service: Service, tier: str, anchor_at: int) -> Script:
    """The account opened, or moved to a plan."""
    who = WANDERLUST
    yield Step(at, service.account(who.account, who.name, tier, anchor_at, who.time_zone))


def daily_work(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """Trailers, intros and corrections, as they come."""
    for number, at in enumerate(instants(scene, RHYTHM, lots), start=1):
        quantity = min(2_400, max(60, int(lots.lognormvariate(5.6, 0.7))))
        end = jobs.ending(lots)
        labels = {"show": "wanderlust", "part": lots.choice(("intro", "trailer", "pickup"))}
        name = f"{ACCOUNT}-gen-{number:05d}"
        yield end(Job(service, ACCOUNT, "generate", quantity, name, at, labels), lots)


def too_long(at: int, service: Service) -> Script:
    """A text longer than the plan allows in one job: refused, then cut in two."""
    name = f"{ACCOUNT}-special"
    yield Step(at, service.hold(ACCOUNT, "generate", 13_800, name))
    for part in (1, 2):
        half = service.debit(ACCOUNT, "generate", 6_900, f"{name}-{part}")
        yield Step(at + part * 11 * MINUTE, half)


def short(at: int, service: Service, anchor_at: int) -> Script:
    """All but used up, an episode refused, and a larger plan taken at once."""
    yield from spending_down(at, service, "summer", 2_100)
    episode = service.debit(ACCOUNT, "generate", 8_400, f"{ACCOUNT}-pilot")
    yield Step(at + 5 * HOUR, episode)
    yield from plan(at + 5 * HOUR + 9 * MINUTE, service, "pro", anchor_at)
    again = service.debit(ACCOUNT, "generate", 8_400, f"{ACCOUNT}-pilot-2")
    yield Step(at + 5 * HOUR + 12 * MINUTE, again)


def season(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """A season of long episodes while the larger plan lasts."""
    for number, days in enumerate(range(60, TURNED_DAYS_AGO, -3), start=1):
        at = scene.on(days, lots.randint(14, 20), lots.randint(0, 59))
        name = f"{ACCOUNT}-episode-{number:02d}"
        quantity = lots.randint(7_200, 9_800)
        end = jobs.extended if number % 5 == 0 else jobs.completed
        yield end(Job(service, ACCOUNT, "generate", quantity, name, at, EPISODE), lots)
    yield spending_down(scene.on(TURNED_DAYS_AGO + 2, 12), service, "finish", 6_000)


def shorts(scene: Scene, service: Service, lots: Random) -> Iterator[Script]:
    """Shorter episodes, twice a week, since the plan is small again."""
    for number, days in enumerate(range(TURNED_DAYS_AGO - 1, 4, -4), start=1):
        at = scene.on(days, lots.randint(14, 20), lots.randint(0, 59))
        name = f"{ACCOUNT}-short-{number:02d}"
        quantity = lots.randint(2_900, 4_300)
        yield jobs.completed(Job(service, ACCOUNT, "generate", quantity, name, at, EPISODE), lots)


def spending_down(at: int, service: Service, name: str, rest: int) -> Script:
    """Long takes, one after another, until no more than `rest` is left."""
    number = 0
    first = f"{ACCOUNT}-{name}-take"
    done = yield Step(at, service.debit(ACCOUNT, "generate", 60, f"{first}-0"))
    while isinstance(done, ledger.Posted) and done.account.available > rest:
        number += 1
        quantity = min(5_200, done.account.available - rest)
        at += 16 * MINUTE
        take = service.debit(ACCOUNT, "generate", quantity, f"{first}-{number}", TAKE)
        done = yield Step(at, take)


def refused_episode(scene: Scene, service: Service) -> Iterator[Script]:
    """An episode that the rest does not pay for, tried again and again."""
    tries = (scene.on(2, 15, 8), scene.on(2, 15, 26), scene.on(1, 19, 51), scene.back(62))
    for number, at in enumerate(tries, start=1):
        name = f"{ACCOUNT}-finale-{number}"
        yield once(at, service.debit(ACCOUNT, "generate", 6_350, name, EPISODE))


def snippet(at: int, service: Service) -> Script:
    """A few words that can still be paid for."""
    yield Step(at, service.debit(ACCOUNT, "generate.fast", 180, f"{ACCOUNT}-teaser"))
    order = service.hold(ACCOUNT, "generate", 95, f"{ACCOUNT}-credits")
    placed = yield Step(at + 20 * MINUTE, order)
    if isinstance(placed, ledger.Posted) and placed.hold is not None:
        done = at + 20 * MINUTE + 4 * SECOND
        yield Step(done, service.capture(placed.hold, placed.hold.amount))


def once(at: int, command: ledger.Command) -> Script:
    """One command."""
    yield Step(at, command)
