"""Who kills: workers, the arbiter, backends and the server, while everybody goes on asking."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from portal.cli.backup import copy
from portal.cli.rounds import checkpoint
from portal.clock import utc_now
from portal.config import Config
from portal.database import Database, DatabaseError
from portal.ledger import audit
from tests import serving
from tests.databases import config_for
from tests.postgres import Server

STOPPED = 3.0  # seconds for which a worker is stopped
WORSE = 0.2  # of all beats
ORPHANED = 20.0  # seconds after which workers without an arbiter must have ended


def children(pid: int) -> list[int]:
    """The processes that a process has started, oldest first."""
    with contextlib.suppress(OSError):
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def hit(pid: int, number: signal.Signals) -> bool:
    """Send a signal; whether there was somebody to hear it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


class House:
    """gunicorn on a port that stays the same, however often it is killed and started anew."""

    def __init__(self, portal: serving.Portal, workers: int) -> None:
        self.config, self.log, self.process = portal.config, portal.log, portal.process
        self.workers = workers
        self.orphans: dict[int, float] = {}

    def _start(self) -> subprocess.Popen[bytes]:
        return serving.start(self.config, self.log, workers=self.workers, threads=16)

    def again(self, *, workers: int) -> None:
        """Kill the arbiter, and start another at once: its workers may still be answering."""
        orphans = children(self.process.pid)
        self.process.kill()
        self.process.wait()
        self.orphans |= dict.fromkeys(orphans, time.monotonic())
        self.workers = workers
        self.process = self._start()

    def mend(self) -> bool:
        """Start anew if it has ended by itself; whether it had."""
        if self.process.poll() is None:
            return False
        self.process = self._start()
        return True

    def lingering(self) -> list[int]:
        """Workers that go on long after their arbiter's death."""
        now = time.monotonic()
        self.orphans = {pid: at for pid, at in self.orphans.items() if is_ours(pid)}
        return [pid for pid, at in self.orphans.items() if now - at > ORPHANED]

    def end(self) -> None:
        """Kill whatever is left of it."""
        workers = children(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in filter(is_ours, [*workers, *self.orphans]):
            hit(pid, signal.SIGKILL)


def is_ours(pid: int) -> bool:
    """Whether a process is one of gunicorn's, and not another that came to have its number."""
    with contextlib.suppress(OSError):
        return b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


class Nemesis:
    """Kills a worker with every beat, and does worse with some; `blows` counts what it did."""

    def __init__(
        self, house: House, server: Server | None, lots: random.Random, every: float
    ) -> None:
        self.house, self.server, self.lots, self.every = house, server, lots, every
        self.blows: Counter[str] = Counter()
        self.memory: dict[int, list[tuple[float, int]]] = {}
        self.faults: list[str] = []
        self.spared: int | None = None
        self.beating = threading.Lock()
        self.stopping = threading.Event()
        works: list[tuple[Callable[[], object], float]] = [(self.beat, every), (self.weigh, 1.0)]
        if house.config.sqlite_file is not None:
            works += [(self.checkpoint, 0.1), (self.back_up, 10 * every)]
        self.threads = [threading.Thread(target=self.loop, args=each) for each in works]

    def start(self) -> None:
        """Begin."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End, with everything alive again."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.house.mend()

    def loop(self, work: Callable[[], object], every: float) -> None:
        """Do a work again and again; an error of our own is a fault."""
        while not self.stopping.wait(self.lots.uniform(0.7, 1.3) * every):
            try:
                work()
            except Exception as error:
                self.faults.append(f"{work.__name__} broke: {type(error).__name__}: {error}")

    def spare(self) -> None:
        """From now on one of two workers lives as long as it may, and so does the arbiter."""
        with self.beating:
            self.house.again(workers=2)
            while not self.workers():
                time.sleep(0.05)
            self.spared = self.workers()[0]

    def workers(self) -> list[int]:
        """Those that are alive now."""
        return children(self.house.process.pid)

    # --- blows -------------------------------------------------------------------------------

    def beat(self) -> None:
        """Kill a worker; sometimes do something else, too."""
        with self.beating:
            self.blows["arbiter ended by itself"] += self.house.mend()
            self.faults += [f"worker {pid} outlives its arbiter" for pid in self.house.lingering()]
            mortal = [pid for pid in self.workers() if pid != self.spared]
            if mortal and hit(self.lots.choice(mortal), signal.SIGKILL):
                self.blows["worker killed"] += 1
            if self.lots.random() < WORSE:
                self.lots.choice(self.worse())()

    def worse(self) -> list[Callable[[], None]]:
        """What else can be done now."""
        found = [self.freeze]
        if self.spared is None:
            found.append(self.behead)
        if self.server is not None:
            found += [self.kill_backend, self.end_backend, self.end_backend, self.strike]
        return found

    def freeze(self) -> None:
        """Stop a worker for some seconds, wherever it is."""
        pid = self.lots.choice(self.workers() or [0])
        if pid and hit(pid, signal.SIGSTOP):
            self.blows["worker stopped"] += 1
            threading.Timer(STOPPED, hit, (pid, signal.SIGCONT)).start()

    def behead(self) -> None:
        """Kill the arbiter; the next one has another number of workers."""
        self.house.again(workers=self.lots.choice((1, 2, 3)))
        self.blows["arbiter killed"] += 1

    def backends(self) -> list[int]:
        """PostgreSQL's processes that serve the portal."""
        assert self.server is not None
        with contextlib.suppress(OSError, IndexError, ValueError):
            file = Path(self.server.folder, "data", "postmaster.pid")
            return [pid for pid in children(int(file.read_text().split()[0])) if is_backend(pid)]
        return []

    def kill_backend(self) -> None:
        """kill -9: the server ends all others and recovers."""
        for pid in self.backends()[-1:]:
            self.blows["backend killed"] += hit(pid, signal.SIGKILL)

    def end_backend(self) -> None:
        """What pg_terminate_backend does."""
        for pid in self.backends()[-1:]:
            self.blows["backend terminated"] += hit(pid, signal.SIGTERM)

    def strike(self) -> None:
        """An immediate stop of the whole server, and a start."""
        assert self.server is not None
        self.server.strike()
        self.blows["server stopped at once"] += 1

    # --- beside ------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Move SQLite's log into its file far too often."""
        assert self.house.config.sqlite_file is not None
        with contextlib.suppress(DatabaseError):  # a worker was stopped in its turn
            checkpoint(self.house.config.sqlite_file)
            self.blows["checkpoint"] += 1

    def back_up(self) -> None:
        """Copy the database, and audit the copy."""
        live = self.house.config.sqlite_file
        assert live is not None
        target = live.with_name("copy.db")
        copy(live, target)
        self.blows["backup"] += 1
        self.faults += [f"a backup: {each}" for each in audited(config_for(
            f"sqlite:///{target}", target.parent))]  # fmt: skip
        target.unlink()

    def weigh(self) -> None:
        """Note how much memory each worker has now."""
        for pid in self.workers():
            with contextlib.suppress(OSError, ValueError):
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                weight = pages * os.sysconf("SC_PAGESIZE")
                self.memory.setdefault(pid, []).append((time.monotonic(), weight))


def audited(config: Config) -> Iterator[object]:
    """What an audit of all accounts finds."""
    database = Database(config)
    try:
        with database.reading() as connection:
            yield from audit(connection, now=utc_now()).differences
    finally:
        database.dispose()


def is_backend(pid: int) -> bool:
    """Whether a process of PostgreSQL's talks to a client of the portal."""
    with contextlib.suppress(OSError):
        return b"postgres: portal " in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
