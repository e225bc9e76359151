"""Turns at an SQLite file: one writer at a time, and its log moved into it between two of them."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from portal.database.errors import BusyError, DatabaseError

WAIT_SECONDS: Final = 5
CHECKPOINT_COMMITS: Final = 128
# Rows written, by triggers too: some batches make as long a log as thousands of single commits.
CHECKPOINT_ROWS: Final = 40_000
# Everybody waits while the log is moved, some 12 µs a page. Small commits say that there is time
# to move it in short steps; under load a long one moves a page once for many commits.
SMALL_COMMIT_ROWS: Final = 30
SHORT_STEP_ROWS: Final = 400
# In a longer log each page takes longer to find. It begins anew by itself once nobody reads from
# it, which may never be while many read: then writers wait for that, this long at most.
LOG_PAGES: Final = 16_384
LOG_WAIT_SECONDS: Final = 0.1


class Turnstile:
    """Lets one writer in at a time, across threads and processes, and frees itself on kill -9.

    A blocking flock on `<db>.lock` shares turns evenly where SQLite's own waiting starves.
    """

    def __init__(self, path: Path) -> None:
        self._file, self._lock = path, path.with_name(path.name + ".lock")
        self._threads = threading.Lock()
        self.commits = 0
        # Written by the connection when the log was moved, and at the last commit: another
        # connection may have written fewer.
        self._moved = self._seen = 0
        self._log_pages = LOG_PAGES

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn; raises BusyError when it does not come within 5 s."""
        if not self._threads.acquire(timeout=WAIT_SECONDS):
            raise BusyError(f"another thread kept the database for {WAIT_SECONDS} seconds")
        try:
            descriptor = self._take()
            try:
                yield
            finally:
                os.close(descriptor)  # and with it the lock
        finally:
            self._threads.release()

    def _take(self) -> int:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait(descriptor)
        return descriptor

    def _open(self) -> int:
        try:
            return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseError(f"{self._lock} cannot be opened: {error.strerror}") from error

    def _wait(self, descriptor: int) -> None:
        """Queue in the kernel, which knows no time limit, in a thread that may be left behind."""
        state = threading.Lock()
        taken = threading.Event()
        left = False

        def queue() -> None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with state:
                if left:
                    os.close(descriptor)
                taken.set()

        threading.Thread(target=queue, name="turnstile", daemon=True).start()
        try:
            taken.wait(WAIT_SECONDS)
        except BaseException:
            with state:
                left = True
                if taken.is_set():
                    os.close(descriptor)
            raise
        with state:
            left = not taken.is_set()
        if left:
            raise BusyError(f"another process kept the database for {WAIT_SECONDS} seconds")

    def checkpoint(self, connection: Any) -> None:
        """Now and then, move the log into the file: always in turn, never by SQLite alone.

        What is in the log is safe there: a checkpoint that fails is left to the next one.
        """
        self.commits += 1
        total: int = connection.total_changes
        rows, last, self._seen = total - self._moved, total - self._seen, total
        is_due = self.commits >= CHECKPOINT_COMMITS or rows >= CHECKPOINT_ROWS or rows < 0
        if is_due or (rows >= SHORT_STEP_ROWS and last < SMALL_COMMIT_ROWS):
            self.commits, self._moved = 0, total
            with suppress(sqlite3.Error):
                [(_, pages, _)] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._shorten(pages)

    def _shorten(self, pages: int) -> None:
        """Have a long log begin anew; who reads on and on is waited for ever more seldom."""
        if pages <= self._log_pages:
            return
        self._log_pages = LOG_PAGES if begin_log_anew(self._file) else 2 * pages


def begin_log_anew(path: Path) -> bool:
    """Move all of the log into the file and cut it off, once nobody reads from it any more.

    Over a connection of its own, as the writers' would wait for longer.
    """
    there = f"{path.absolute().as_uri()}?mode=rw"
    patience = LOG_WAIT_SECONDS
    with closing(sqlite3.connect(there, patience, isolation_level=None, uri=True)) as own:
        own.execute("PRAGMA synchronous=FULL")
        [(failed, _, _)] = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not failed
