"""Simulated time: scripts of commands, played in the order of their instants.

It knows what a step is and refuses to know what it is for.
"""

import heapq
from collections.abc import Callable, Generator, Iterable
from typing import Final, NamedTuple, TypeAlias

from portal import ledger

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class Step(NamedTuple):
    """A command and the instant (UTC microseconds) at which it is asked."""

    at: int
    command: ledger.Command


# A script yields steps, each not before the last one, and is sent the outcome of each.
Script: TypeAlias = Generator[Step, ledger.Outcome, None]
Post: TypeAlias = Callable[[int, ledger.Command], ledger.Outcome]


class Scene(NamedTuple):
    """The span of history: `days` days that end now."""

    now: int
    days: int

    @property
    def opens(self) -> int:
        """The first instant of the history."""
        return self.now - self.days * DAY

    def back(self, minutes: int) -> int:
        """So many minutes before now."""
        return self.now - minutes * MINUTE

    def on(self, days: int, hour: int, minute: int = 0) -> int:
        """A time of day (UTC) so many days ago."""
        return (self.now // DAY - days) * DAY + hour * HOUR + minute * MINUTE

    def spans(self, at: int) -> bool:
        """Whether an instant lies in the history."""
        return self.opens <= at <= self.now


class RefusedStepError(Exception):
    """A step was refused for another reason than a want of credits or a limit."""

    def __init__(self, step: Step, error: Exception) -> None:
        super().__init__(f"{step.command}: {error}")


EXPECTED: Final = (ledger.InsufficientCreditsError, ledger.LimitReachedError)


def play(scripts: Iterable[Script], scene: Scene, post: Post, told: Callable[[int], object]) -> int:
    """Post all steps of all scripts in order of time; gives their number.

    Steps outside the scene are left out with the rest of their script. `told` gets the instant
    of each step. Raises RefusedStepError where a script goes wrong.
    """
    waiting: list[tuple[int, int, Script, Step]] = []
    for number, script in enumerate(scripts):
        first = next(script, None)
        if first is not None and scene.spans(first.at):
            heapq.heappush(waiting, (first.at, number, script, first))
    played = 0
    while waiting:
        at, number, script, step = heapq.heappop(waiting)
        outcome = post(at, step.command)
        if isinstance(outcome, ledger.Refused) and not isinstance(outcome.error, EXPECTED):
            raise RefusedStepError(step, outcome.error)
        played += 1
        told(at)
        following = continued(script, outcome)
        if following is not None and following.at <= scene.now:
            heapq.heappush(waiting, (max(at, following.at), number, script, following))
    return played


def continued(script: Script, outcome: ledger.Outcome) -> Step | None:
    """The next step of a script, or None at its end."""
    try:
        return script.send(outcome)
    except StopIteration:
        return None
