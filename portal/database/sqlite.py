"""SQLite as the ledger needs it: immediate transactions, full syncs, one writer at a time.

Figures behind each rule: plain BEGIN fails three writes in four with "database is locked",
synchronous=NORMAL loses acknowledged debits at power loss, busy_timeout starves writers.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from portal.database.errors import BusyError, UnsafeDatabaseError
from portal.ledger import GUARDED_TABLES

WAIT_SECONDS: Final = 5
CHECKPOINT_COMMITS: Final = 128
UNSAFE_FILESYSTEMS: Final = frozenset(
    {"tmpfs", "ramfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"}
)
PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=0",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
)
# What the portal's own connections may do at all; the rest (schema, ATTACH, PRAGMA …) is denied.
ALLOWED_ACTIONS: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_FUNCTION,
    }
)
# Rows of these come from triggers and migrations alone.
DERIVED_TABLES: Final = frozenset({"holds", "usage_days", "alembic_version"})
# First SQLite without the WAL-reset fault that several writers with checkpoints can meet.
WAL_RESET_MENDED: Final = (3, 51, 3)


def engine(path: Path, *, writes: bool, pool: int) -> sa.Engine:
    """An engine over one file; a reader's connections cannot write at all."""
    made = sa.create_engine(
        f"sqlite:///{path}",
        connect_args={
            "timeout": WAIT_SECONDS,
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": 512,
        },
        poolclass=sa.QueuePool,
        pool_size=1 if writes else pool,
        max_overflow=1 if writes else pool,
        pool_timeout=WAIT_SECONDS,
    )

    @event.listens_for(made, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if not writes:
            connection.execute("PRAGMA query_only=ON")
        connection.set_authorizer(authorize)

    @event.listens_for(made, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


def authorize(
    action: int, first: str | None, second: str | None, _: str | None, trigger: str | None
) -> int:
    """SQLite's authorizer: what a statement of the portal may do, decided as it is prepared.

    Guarded tables change only inside their own triggers, whose name SQLite gives last.
    """
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = first == "wal_checkpoint" or (first == "data_version" and second is None)
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = second not in ("load_extension", "fts3_tokenizer")
    elif action in (sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE):
        allowed = trigger is not None or first not in GUARDED_TABLES
    elif action == sqlite3.SQLITE_INSERT:
        allowed = trigger is not None or first not in DERIVED_TABLES
    else:
        allowed = action in ALLOWED_ACTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


class Turnstile:
    """Lets one writer in at a time, across threads and processes, and frees itself on kill -9.

    A blocking flock on `<db>.lock` shares turns evenly where SQLite's own waiting starves.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._threads = threading.Lock()
        self._file: int | None = None
        self._process = 0
        self.commits = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn; raises BusyError when the threads here queue longer than 5 s."""
        if not self._threads.acquire(timeout=WAIT_SECONDS):
            raise BusyError("another writer kept the database for 5 seconds")
        try:
            descriptor = self._descriptor()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _descriptor(self) -> int:
        if self._file is None or self._process != os.getpid():
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        return self._file

    def checkpoint(self, connection: Any) -> None:
        """Now and then, move the log into the file: always in turn, never by SQLite alone."""
        self.commits += 1
        if self.commits % CHECKPOINT_COMMITS == 0:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def check(path: Path) -> str:
    """Refuse a database that could lose or leak credits; else says how SQLite is run here."""
    kind = filesystem_of(path)
    if kind in UNSAFE_FILESYSTEMS or kind.startswith("fuse."):
        raise UnsafeDatabaseError(
            f"{path} lies on {kind}, where SQLite cannot promise that what it wrote is kept; "
            "set PORTAL_DATABASE_URL to a file on a local disk, or to PostgreSQL"
        )
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise UnsafeDatabaseError(
            f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}"
        )
    safe = sqlite3.sqlite_version_info >= WAL_RESET_MENDED
    return f"SQLite {sqlite3.sqlite_version}, {'safe' if safe else 'guarded by turns'}"


def filesystem_of(path: Path) -> str:
    """The type of the filesystem a path lies on, from the mount table (Linux); else `unknown`."""
    try:
        table = Path("/proc/self/mountinfo").read_text("utf-8")
    except OSError:
        return "unknown"
    found, longest = "unknown", -1
    real = str(path.resolve())
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        mount = before.split(" ")[4].replace("\\040", " ")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= longest:
            found, longest = after.split(" ")[0], len(mount)
    return found
