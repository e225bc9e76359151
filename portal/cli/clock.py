"""`flask clock`: one process that does due work sooner. Nothing depends on it."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from logging.config import dictConfig
from typing import Final

import click
from flask.cli import with_appcontext

from portal import current
from portal.cli.rounds import LOG_MAX, PASSING, advance_due, checkpoint, log_size, sweep
from portal.cli.serve import STOPPING
from portal.cli.turns import Turn, turn_of
from portal.current import Application
from portal.database import DatabaseError
from portal.operations.logs import LOGGING

TIDY: Final = 60.0  # seconds from one sweep to the next
PATIENCE: Final = 5.0  # seconds after a failure
log = logging.getLogger("portal.clock")


@click.command("clock")
@click.option(
    "--every",
    type=click.FloatRange(0.05, 3_600),
    default=1.0,
    show_default=True,
    help="Seconds from one round to the next.",
)
@click.option("--once", is_flag=True, help="One round, and the end.")
@click.option("--attached", is_flag=True, help="End when standard input does.")
@with_appcontext
def clock(every: float, once: bool, attached: bool) -> None:
    """Do what fell due as it falls due, instead of when somebody comes by; until Ctrl-C.

    Of several clocks one is at work; another takes over when it ends, however it ends.
    """
    state = current.application()
    if once:
        one_round(state)
        return
    dictConfig(LOGGING)
    with stopped_by(attached) as stopping:
        keep_time(Clock(state, turn_of(state.config), stopping), every)


def one_round(state: Application) -> None:
    """One whole round, if no other clock is at work; says what was done."""
    turn = turn_of(state.config)
    try:
        if not turn.take():
            raise click.ClickException("Another clock is at work.")
        advanced, swept = advance_due(state), tidy(state)
    except (DatabaseError, *PASSING) as error:
        raise click.ClickException(str(error) or type(error).__name__) from None
    finally:
        turn.leave()
    click.echo(f"advanced {advanced.done} accounts, swept {swept} rows")
    if advanced.failed:
        raise click.ClickException(f"{advanced.failed} accounts could not be advanced")


def tidy(state: Application) -> int:
    """Sweep what is past use, and move SQLite's log into its file; gives how many rows went."""
    swept = sweep(state)
    if state.config.sqlite_file is not None:
        checkpoint(state.config.sqlite_file)
    return swept


class Clock:
    """A clock that waits for its turn, then goes round after round until it is stopped."""

    def __init__(self, state: Application, turn: Turn, stopping: threading.Event) -> None:
        self.state, self.turn, self.stopping = state, turn, stopping
        self.has_turn = False
        self.tidied_ago = TIDY

    def go_round(self, passed: float) -> None:
        """One round, `passed` seconds after the last; does nothing while another clock has it."""
        taken = self.turn.take()
        if taken != self.has_turn:
            log.info("at work" if taken else "another clock took over")
        self.has_turn = taken
        if not taken:
            return
        advance_due(self.state, self.stopping.is_set)
        self.tidied_ago += passed
        if self.tidied_ago >= TIDY or self._log_is_long():
            self.tidied_ago = 0.0
            tidy(self.state)

    def _log_is_long(self) -> bool:
        path = self.state.config.sqlite_file
        return path is not None and log_size(path) > LOG_MAX


def keep_time(clock: Clock, every: float) -> None:
    """Go round until stopped; what a round could not do is left to the next one, or to others."""
    wait = 0.0
    while not clock.stopping.wait(wait):
        try:
            clock.go_round(max(wait, every))
            wait = every
        except (DatabaseError, *PASSING) as error:
            log.warning("a round was cut short: %s", str(error) or type(error).__name__)
            wait = PATIENCE
    clock.turn.leave()


@contextlib.contextmanager
def stopped_by(attached: bool) -> Iterator[threading.Event]:
    """Set by SIGINT, by SIGTERM and, where attached, by the end of standard input.

    Whoever began this process may have kept signals back until there was somebody to hear them.
    """
    stopping = threading.Event()
    for number in STOPPING:
        signal.signal(number, lambda *_: stopping.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    if attached:

        def watch() -> None:
            while os.read(sys.stdin.fileno(), 4_096):
                pass
            stopping.set()

        threading.Thread(target=watch, name="attached", daemon=True).start()
    yield stopping
