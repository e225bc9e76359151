"""How often one key, account or address may ask; one count for all workers of a machine.

Each worker writes only a column of its own in shared memory and reads everybody's: no lock, no
system call, and what a worker counted outlives it. Who is counted is decided by the doors.
"""

import fcntl
import mmap
import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Interface
from pathlib import Path
from typing import Any, Final, NamedTuple

SECOND: Final = 1_000_000
COLUMNS: Final = 64  # workers that may share a count
SLOTS: Final = 1 << 15  # names that one column remembers of a window
PROBES: Final = 4
KNOWN_MAX: Final = 50_000
# A cell: who (20 bits), in which window (24), how often (20).
COUNT_BITS: Final = 20
COUNT: Final = (1 << COUNT_BITS) - 1
WINDOW: Final = (1 << 24) - 1
TAG_BITS: Final = 20
HEADER: Final = 512  # cells; the first one says how many columns were ever taken
COLUMN: Final = 2 * (SLOTS + PROBES)  # windows of even and of odd numbers


class RateLimitedError(Exception):
    """Too many requests."""

    def __init__(self, limited: str, most: int, seconds: int, retry_after: int) -> None:
        super().__init__(
            f"At most {most} requests in {seconds} seconds by one {limited}; "
            f"try again in {retry_after} seconds"
        )
        self.limited, self.most, self.seconds = limited, most, seconds
        self.retry_after = retry_after

    def numbers(self) -> dict[str, Any]:
        """What is limited, by how much, and when to come back (seconds)."""
        return {
            "limited": self.limited,
            "limit": self.most,
            "window_seconds": self.seconds,
            "retry_after": self.retry_after,
        }

    def headers(self) -> dict[str, str]:
        """The policy and its state as the HTTP working group writes them (ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"{self.limited}";q={self.most};w={self.seconds}',
            "RateLimit": f'"{self.limited}";r=0;t={self.retry_after}',
        }


class Limits:
    """The limits that are set: by key, by account, by address of those who are nobody yet."""

    def __init__(
        self, folder: Path, secret: bytes, rates: Mapping[str, tuple[int, int] | None]
    ) -> None:
        self._secret = secret[:64]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._rates = {
            limited: Rate(folder, limited, *rate, self._secret)
            for limited, rate in rates.items()
            if rate is not None
        }

    def count(self, limited: str, name: str, now: int) -> None:
        """Count one request of `name`; raises RateLimitedError for one too many."""
        rate = self._rates.get(limited)
        if rate is not None:
            rate.count(name, now)


def find_limits(
    folder: Path, secret: bytes, rates: Mapping[str, tuple[int, int] | None]
) -> Limits | None:
    """The limits of a portal, counted in files of `folder`; None where none is set.

    rates: for each of key, account and address how many requests in how many seconds.
    """
    return Limits(folder, secret, rates) if any(rates.values()) else None


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the 64 bits that one IPv6 customer is given."""
    if ":" not in address:
        return address
    try:
        network = IPv6Interface(f"{address.partition('%')[0]}/64")
    except ValueError:
        return address
    return str(network.ip.ipv4_mapped or network.network)


class Rate:
    """At most so many requests of one name in any window, which slides.

    The window before counts for the part of it that is still within the last `seconds`.
    """

    def __init__(self, folder: Path, limited: str, most: int, seconds: int, secret: bytes) -> None:
        self._limited, self._most, self._seconds = limited, most, seconds
        self._length = seconds * SECOND
        self._path = folder / f"{limited}-{seconds}"
        self._secret = secret
        self._known: dict[str, Place] = {}
        self._opened: Columns | None = None
        self._lock = threading.Lock()

    def count(self, name: str, now: int) -> None:
        """Count one request; raises RateLimitedError, and counts nothing, for one too many."""
        with self._lock:
            place = self._refuse(name, now)
            (self._opened or self._columns()).add(place, now // self._length & WINDOW)

    def _refuse(self, name: str, now: int) -> "Place":
        place = self._known.get(name) or self._place_of(name)
        window, elapsed = divmod(now, self._length)
        columns = self._opened or self._columns()
        fresh = columns.total(place, window & WINDOW)
        before = columns.total(place, (window - 1) & WINDOW)
        if fresh + before * (self._length - elapsed - 1) // self._length >= self._most:
            wait = self._wait(fresh, before, elapsed)
            raise RateLimitedError(self._limited, self._most, self._seconds, wait)
        return place

    def _wait(self, fresh: int, before: int, elapsed: int) -> int:
        """Whole seconds until the sliding count is below the limit, if nobody asks meanwhile."""
        if fresh < self._most:
            ends = self._length - (self._most - fresh) * self._length // max(before, 1)
            left = ends - elapsed
        else:
            left = self._length - elapsed + self._length - self._most * self._length // fresh
        return max(1, -(-left // SECOND))

    def _place_of(self, name: str) -> "Place":
        """Where a name is counted; nobody outside can choose a name that shares another's."""
        text = name.encode("utf-8", "surrogateescape")
        number = int.from_bytes(blake2b(text, digest_size=8, key=self._secret).digest(), "big")
        place = Place(number % SLOTS, number >> 20 & (1 << TAG_BITS) - 1)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[name] = place
        return place

    def _columns(self) -> "Columns":
        """The shared columns, opened by whoever counts first: after the server has forked."""
        self._opened = columns_at(self._path)
        return self._opened


class Place(NamedTuple):
    """The slot of a name, and the tag by which it is told from others of that slot."""

    slot: int
    tag: int


class Columns:
    """A file in memory: one column of counts a worker; each writes its own, all read all."""

    def __init__(self, path: Path) -> None:
        size = 8 * (HEADER + COLUMNS * COLUMN)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, size)  # sparse: what nobody counted in takes no room
        self._cells = memoryview(mmap.mmap(self._file, size)).cast("Q")
        self._own = self._take()

    def total(self, place: Place, window: int) -> int:
        """How often a name came in a window, to all workers."""
        found, cells = 0, self._cells
        at = HEADER + (window & 1) * (SLOTS + PROBES) + place.slot
        want = place.tag << 24 | window
        for first in range(at, at + cells[0] * COLUMN, COLUMN):
            cell = cells[first]
            if cell >> COUNT_BITS == want:
                found += cell & COUNT
            elif cell >> COUNT_BITS & WINDOW == window:
                found += self._sought(first, want)
        return found

    def add(self, place: Place, window: int) -> None:
        """Count a name once more in this worker's own column."""
        cells, want = self._cells, place.tag << 24 | window
        at = self._own + (window & 1) * (SLOTS + PROBES) + place.slot
        for at in range(at, at + PROBES):  # noqa: B020 - from the first cell on
            cell = cells[at]
            if cell >> COUNT_BITS == want:
                if cell & COUNT < COUNT:
                    cells[at] = cell + 1
                return
            if cell >> COUNT_BITS & WINDOW != window:
                cells[at] = want << COUNT_BITS | 1
                return
        cells[at] += 1  # all are taken in this window: the last one is shared

    def _sought(self, first: int, want: int) -> int:
        """The count of a name whose first cell another one has."""
        cell = 0
        for at in range(first + 1, first + PROBES):
            cell = self._cells[at]
            if cell >> COUNT_BITS == want:
                return cell & COUNT
            if (cell >> COUNT_BITS) & WINDOW != want & WINDOW:
                return 0
        return cell & COUNT

    def _take(self) -> int:
        """The first column that no living worker has; the kernel frees those of the dead."""
        for number in range(COLUMNS):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number + 1)
            except OSError:
                continue
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
            self._cells[0] = max(self._cells[0], number + 1)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)
            return HEADER + number * COLUMN
        raise OSError(f"more than {COLUMNS} workers share one count")


_OPENED: dict[Path, Columns] = {}
_OPENING: Final = threading.Lock()


def columns_at(path: Path) -> Columns:
    """The columns of a file, opened once a process: closing it twice would lose its locks."""
    with _OPENING:
        if path not in _OPENED:
            _OPENED[path] = Columns(path)
        return _OPENED[path]
