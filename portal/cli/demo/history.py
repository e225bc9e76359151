"""The demo's history: the customers' lives, played through the real ledger in simulated time.

All of it is a function of now, a number of days and one seed.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from portal import ledger
from portal.cli.demo import mira, northwind, wanderlust
from portal.cli.demo.cast import CUSTOMERS
from portal.cli.demo.orders import Service
from portal.cli.demo.stage import Post, Scene, Script, play

SEED: Final = "credits portal demo"
LIVES: Final = (northwind, wanderlust, mira)


def tell(
    scene: Scene,
    service: Service,
    post: Post,
    told: Callable[[int], object] = lambda at: None,
) -> int:
    """Post the history of all customers, step by step; gives the number of commands.

    `told` gets the simulated instant of each step. Raises RefusedStepError.
    """
    played = play(scripts(scene, service), scene, post, told)
    for customer in CUSTOMERS:
        post(scene.now, ledger.Advance(account_id=customer.account))
    return played


def scripts(scene: Scene, service: Service) -> Iterator[Script]:
    """Everything that happens in a scene, in no order."""
    for life in LIVES:
        yield from life.life(scene, service, lots_of(life.ACCOUNT))


def new_ids() -> ledger.Ids:
    """The ids of the history, the same each time it is told."""
    return ledger.Ids(lots_of("ids").randbytes)


def lots_of(name: str) -> Random:
    """Lots to draw for one purpose, so that a change to one life leaves the others as they are."""
    return Random(f"{SEED} {name}")  # noqa: S311 - a story is told again the same, on purpose
