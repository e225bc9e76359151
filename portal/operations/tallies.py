"""What the workers of one machine have counted, each in memory, told to each other by files.

A request is noted in a queue, which costs it a fraction of a microsecond; a thread counts what
was noted, once a second, and writes the worker's counts anew. Counts outlive their worker.
"""

import atexit
import fcntl
import json
import os
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from portal.operations.passage import Passed

NOTED_MAX: Final = 200_000
EVERY: Final = 1.0
# Upper bounds: of an answer's time in nanoseconds, of the commands in one commit.
TIMES: Final = tuple(int(1e6 * each) for each in (1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 5000))
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
COUNTS: Final = "counts"
PAST: Final = "past.json"
Noted = TypeVar("Noted")


class Tallies:
    """The counts of this worker and, when they are asked for, of all.

    route: the route that a method and a path lead to. A count's key is its name and labels.
    """

    def __init__(self, folder: Path, route: Callable[[str, str], str]) -> None:
        self.folder = folder / COUNTS
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._route = route
        self._passed: deque[Passed] = deque(maxlen=NOTED_MAX)
        self._groups: deque[int] = deque(maxlen=NOTED_MAX)
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._own: Path | None = None

    def note(self, passed: Passed) -> None:
        """Note one request that was answered."""
        self._passed.append(passed)
        if self._own is None:
            self._begin()

    def note_group(self, size: int) -> None:
        """Note how many commands were written in one commit."""
        self._groups.append(size)
        if self._own is None:
            self._begin()

    def all(self) -> Counter[str]:
        """The counts of all workers there are and were. Those of the dead are gathered in one."""
        self.count()
        with self.alone():
            past, found = read(self.folder / PAST), Counter[str]()
            for path in sorted(self.folder.glob("*-*.json")):
                counts = read(path)
                if self._is_dead(path):
                    past.update(counts)
                    replace(self.folder / PAST, past)
                    path.unlink()
                    path.with_suffix(".lock").unlink(missing_ok=True)
                else:
                    found.update(counts)
            found.update(past)
        return found

    def count(self) -> None:
        """Count what was noted, and tell it to the other workers."""
        with self._counting:
            changed = False
            for passed in taken(self._passed):
                self._count_request(passed)
                changed = True
            for size in taken(self._groups):
                self._counts[f"groups {bucket(SIZES, size)}"] += 1
                self._counts["groups_sum"] += size
                changed = True
            if changed and self._own is not None:
                replace(self._own, self._counts)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One worker at a time looks after the files."""
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _count_request(self, passed: Passed) -> None:
        route, counts = self._route(passed.method, passed.path), self._counts
        method = passed.method if passed.method in METHODS else "other"
        counts[f"requests {method} {route} {passed.status}"] += 1
        counts[f"seconds {route} {bucket(TIMES, passed.nanoseconds)}"] += 1
        counts[f"seconds_sum {route}"] += passed.nanoseconds
        if passed.code is not None:
            counts[f"refusals {passed.code}"] += 1
        for (status, code), number in passed.commands.items():
            counts[f"batch_commands {status}"] += number
            if code is not None:
                counts[f"refusals {code}"] += number

    def _begin(self) -> None:
        """Take a file of this worker's own, and count in a thread from now on."""
        with self._counting:
            if self._own is not None:
                return
            name = f"{os.getpid()}-{os.urandom(4).hex()}"
            # Held as long as the process lives: the kernel tells the others when it does not.
            lock = os.open(
                self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._own = self.folder / f"{name}.json"
        atexit.register(self.count)
        threading.Thread(target=self._keep_counting, name="tallies", daemon=True).start()

    def _keep_counting(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            with suppress(OSError):  # a full disk keeps nobody from counting on
                self.count()

    def _is_dead(self, path: Path) -> bool:
        """Whether nobody holds the lock of a worker's counts any more."""
        if path == self._own:
            return False
        try:
            with path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def bucket(bounds: tuple[int, ...], value: int) -> int:
    """The number of the first bound that is not below a value; one more where all are."""
    return bisect_left(bounds, value)


def taken(queue: deque[Noted]) -> Iterator[Noted]:
    """Everything in a queue, which others go on filling."""
    with suppress(IndexError):
        while True:
            yield queue.popleft()


def read(path: Path) -> Counter[str]:
    """The counts of a file; none where there is none, or none that can be read."""
    try:
        return Counter(json.loads(path.read_text()))
    except (OSError, ValueError):
        return Counter()


def replace(path: Path, counts: Counter[str]) -> None:
    """Write counts in one step: whoever reads finds those before or these."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(counts))
    draft.replace(path)
