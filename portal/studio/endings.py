"""The switches: for each row of the outcome table, when it strikes and what it does to a job."""

import os
import signal
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol


class Work(Protocol):
    """A job under way, as far as a switch may reach into it."""

    def discard(self) -> None:
        """Throw away what was made."""

    def call_off(self) -> None:
        """Do what a customer does who cancels."""

    def deliver(self) -> None:
        """Stop here and hand out what was made."""

    def block(self) -> None:
        """Give everything back: the result may not be handed out."""

    def lose_sight(self) -> None:
        """End without a verdict."""


class BrokenError(Exception):
    """The work failed."""


class Ending(NamedTuple):
    """How a job ends, by its name in the outcome table; at: of halves of the work done by then."""

    name: str
    title: str
    at: int
    strike: Callable[[Work], None]


def go_well(work: Work) -> None:
    """Nothing goes wrong."""


def fail(work: Work) -> None:
    """The work fails, and what was made of it is gone."""
    work.discard()
    raise BrokenError("The work failed; nothing of it can be had.")


def time_out(work: Work) -> None:
    """The work takes longer than anybody waits."""
    work.discard()
    raise TimeoutError("The work took too long and was given up.")


def deliver(work: Work) -> None:
    """The rest fails; what was made is kept."""
    work.deliver()


def call_off(work: Work) -> None:
    """The customer cancels."""
    work.call_off()


def lose_sight(work: Work) -> None:
    """The answer of whoever does the work never comes."""
    work.lose_sight()


def block(work: Work) -> None:
    """Moderation looks at the result and keeps it back."""
    work.discard()
    work.block()


def die(work: Work) -> None:
    """This process is killed, as by the machine's want of memory: nobody can clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


REFUSED: Final = "refused"
AGAIN: Final = "submitted_again"
ENDINGS: Final = {
    ending.name: ending
    for ending in (
        Ending("success", "It goes well", 2, go_well),
        Ending(REFUSED, "The studio refuses it before it begins", 0, go_well),
        Ending("failed", "It fails", 1, fail),
        Ending("timed_out", "It takes too long", 1, time_out),
        Ending("partly_delivered", "Half of it is made and kept", 1, deliver),
        Ending("partly_lost", "Half of it is made and lost", 1, fail),
        Ending("cancelled_before_start", "You cancel before it begins", 0, call_off),
        Ending("cancelled_after_start", "You cancel half-way", 1, call_off),
        Ending("client_went_away", "You close the page, it goes on", 2, go_well),
        Ending("unknown", "Nobody knows how it ended", 2, lose_sight),
        Ending("worker_killed", "The worker is killed half-way", 1, die),
        Ending("moderated", "Moderation blocks the result", 2, block),
        Ending(AGAIN, "The form is sent twice", 2, go_well),
    )
}
