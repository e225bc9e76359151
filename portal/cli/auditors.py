"""Processes that check parts of one audit, all of them on one snapshot of the database.

They are forks: to start Python with the portal anew takes a second. So whoever makes them has no
connection open, which must not be in two processes, and no second thread.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Final, NamedTuple

from portal import ledger
from portal.config import Config
from portal.database import Database, DatabaseError

READY: Final = "ready"
CONNECT_SECONDS: Final = 15.0
JOIN_SECONDS: Final = 2.0  # on SQLite nobody writes meanwhile, and a writer gives up after five


class AuditorError(Exception):
    """A process of an audit failed or is gone; what it would have found, nobody knows."""


class Failure(NamedTuple):
    """Why a process cannot go on."""

    reason: str


class Auditors:
    """Several processes, each with a pipe on which it is given parts and tells what it found."""

    def __init__(self) -> None:
        self._processes: dict[Connection, ForkProcess] = {}

    def start(self, count: int, config: Config, now: int) -> None:
        """Start so many, and wait until each is connected. Raises AuditorError."""
        forking = multiprocessing.get_context("fork")
        for _ in range(count):
            ours, theirs = forking.Pipe()
            strange = [*self._processes, ours]
            process = forking.Process(target=work, args=(theirs, strange, config, now))
            with uninterrupted():
                process.start()
            theirs.close()
            self._processes[ours] = process
        self._await_ready(CONNECT_SECONDS)

    def join(self, snapshot: str) -> None:
        """Have all of them see a snapshot; returns once they do. Raises AuditorError."""
        for pipe in self._processes:
            self._send(pipe, snapshot)
        self._await_ready(JOIN_SECONDS)

    def check(
        self, parts: Iterable[ledger.Part], progress: Callable[[int], object]
    ) -> ledger.Report:
        """Hand out parts to whoever is free, and put together what is found. Raises AuditorError.

        The report is that of one who checks all parts in their order.
        """
        gathered, left = ledger.Gathered(), enumerate(parts)
        places: dict[Connection, int] = {}

        def hand(pipe: Connection) -> None:
            place, part = next(left, (None, None))
            if place is not None:
                self._send(pipe, part)
                places[pipe] = place

        for pipe in self._processes:
            hand(pipe)
        while places:
            for pipe, told in self._hear(places):
                if isinstance(told, int):
                    progress(told)
                else:
                    gathered.add(places.pop(pipe), told)
                    hand(pipe)
        return gathered.report()

    def stop(self) -> None:
        """End all of them, whatever they do: they only read."""
        for pipe, process in self._processes.items():
            process.kill()
            process.join()
            pipe.close()

    def _await_ready(self, seconds: float) -> None:
        """Wait until each has said that it is ready."""
        waiting, end = set(self._processes), time.monotonic() + seconds
        while waiting:
            heard = list(self._hear(waiting, end - time.monotonic()))
            if not heard:
                raise AuditorError(f"a process of the audit was not ready in {seconds:g} seconds")
            waiting -= {pipe for pipe, _ in heard}

    def _hear(
        self, pipes: Iterable[Connection], seconds: float | None = None
    ) -> Iterator[tuple[Connection, Any]]:
        """What those of these processes say that have something to say, once one has."""
        for pipe in wait([*pipes], seconds):
            assert isinstance(pipe, Connection)
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                raise AuditorError(self._end_of(pipe)) from None
            if isinstance(told, Failure):
                raise AuditorError(told.reason)
            yield pipe, told

    def _send(self, pipe: Connection, told: object) -> None:
        try:
            pipe.send(told)
        except OSError:
            raise AuditorError(self._end_of(pipe)) from None

    def _end_of(self, pipe: Connection) -> str:
        """How a process ended that has hung up."""
        process = self._processes[pipe]
        process.join(1)
        code = process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        return f"a process of the audit ended {how} before it was done; the audit says nothing"


@contextmanager
def auditors(count: int, config: Config, now: int) -> Iterator[Auditors]:
    """So many processes, connected; ended with the block, however that ends."""
    several = Auditors()
    try:
        several.start(count, config, now)
        yield several
    finally:
        several.stop()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A Ctrl-C waits; to those that are made meanwhile it never comes, they are ended by us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(pipe: Connection, strange: Sequence[Connection], config: Config, now: int) -> None:
    """Such a process: check parts until nobody asks any more.

    Ends of pipes that are not its own are closed: else nobody would see his other end hang up.
    """
    for each in strange:
        each.close()
    try:
        check_parts(pipe, Database(config), now)
    except (EOFError, ConnectionError):
        pass  # whoever asked is gone
    except DatabaseError as error:
        pipe.send(Failure(str(error)))


def check_parts(pipe: Connection, database: Database, now: int) -> None:
    """Connect, join the snapshot that is named, and check the parts that are given."""
    with database.reading():
        pipe.send(READY)
    with database.joining(pipe.recv()) as connection:
        pipe.send(READY)
        with ledger.auditing(connection, now=now, progress=pipe.send) as auditor:
            while True:
                pipe.send(auditor.check(pipe.recv()))
