"""SQLite as the ledger needs it: immediate transactions, full syncs, one writer at a time.

Figures behind each rule: plain BEGIN fails three writes in four with "database is locked",
synchronous=NORMAL loses acknowledged debits at power loss, busy_timeout starves writers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from portal.database.errors import DatabaseError, UnsafeDatabaseError
from portal.database.turnstile import WAIT_SECONDS
from portal.ledger import GUARDED_TABLES, STATES, States

GLANCE_SECONDS: Final = 0.05
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
ON_A_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "coda", "ceph", "glusterfs"}
    | {"lustre", "gfs2", "ocfs2", "beegfs", "orangefs", "vboxsf", "vmhgfs", "prl_fs"}
)
UNSAFE_FILESYSTEMS: Final = IN_MEMORY | ON_A_NETWORK
# Set on every connection, and read back: SQLite takes what it cannot do without a word.
PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL
    "wal_autocheckpoint": 0,
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
    # Statement journals in memory, not in files: half of what an append costs.
    "temp_store": 2,
}
# Pages that a connection keeps, in KiB: an append over many accounts touches thousands.
CACHE_KIB: Final = {True: 65_536, False: 8_192}
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


def engine(path: Path, *, writes: bool, pool: int, glances: bool = False) -> sa.Engine:
    """An engine over one file that is there; a reader's connections cannot write at all.

    glances: whether they wait for next to nothing, where another program keeps the file.
    """
    made = sa.create_engine(
        f"sqlite:///{path}",
        creator=partial(
            connect, path, writes=writes, patience=GLANCE_SECONDS if glances else WAIT_SECONDS
        ),
        poolclass=sa.QueuePool,
        pool_size=1 if writes else pool,
        max_overflow=1 if writes else pool,
        pool_timeout=WAIT_SECONDS,
    )

    @event.listens_for(made, "connect")
    def guard(connection: sqlite3.Connection, _: object) -> None:
        connection.set_authorizer(authorize)  # after the questions SQLAlchemy asks of the first

    @event.listens_for(made, "begin")
    def begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


def owner_engine(path: Path) -> sa.Engine:
    """An engine for migrations: a connection without guards, each migration whole or not at all."""
    made = sa.create_engine(
        f"sqlite:///{path}",
        creator=partial(connect, path, writes=True),
        poolclass=sa.NullPool,
    )

    @event.listens_for(made, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


def connect(path: Path, *, writes: bool, patience: float = WAIT_SECONDS) -> sqlite3.Connection:
    """A connection as every one of the portal's is; it never makes the file.

    Raises UnsafeDatabaseError where SQLite cannot keep what it acknowledges.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    try:
        for name, value in {
            **PRAGMAS,
            "cache_size": -CACHE_KIB[writes],
            "query_only": int(not writes),
        }.items():
            connection.execute(f"PRAGMA {name}={value}")
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != value:
                raise UnsafeDatabaseError(f"{path}: SQLite runs with {name}={found}, not {value}")
    except BaseException:
        connection.close()
        raise
    return connection


def authorize(
    action: int, first: str | None, second: str | None, _: str | None, trigger: str | None
) -> int:
    """SQLite's authorizer: what a statement of the portal may do, decided as it is prepared.

    Guarded tables change only inside their own triggers, whose name SQLite gives last.
    """
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = first == "wal_checkpoint" or (first == "data_version" and second is None)
    elif first == "sqlite_dbpage":
        allowed = False  # the file's raw pages, where SQLite is built with them
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = second not in ("load_extension", "fts3_tokenizer")
    elif action in (sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE):
        allowed = trigger is not None or first not in GUARDED_TABLES
    elif action == sqlite3.SQLITE_INSERT:
        allowed = trigger is not None or first not in DERIVED_TABLES
    else:
        allowed = action in ALLOWED_ACTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


@contextmanager
def transaction(connection: sa.Connection) -> Iterator[None]:
    """A database transaction on a writer's connection, which keeps the states it leaves."""
    states: States = connection.info.setdefault(STATES, States())
    driver: Any = connection.connection.driver_connection
    try:
        with connection.begin():
            states.begin(driver.execute("PRAGMA data_version").fetchone()[0])
            yield
    except BaseException:
        states.forget()
        raise
    states.commit()


def check(path: Path) -> str:
    """Refuse a database that could lose or leak credits; else says how SQLite is run here.

    Raises DatabaseError where there is none.
    """
    kind = filesystem_of(path)
    if kind in UNSAFE_FILESYSTEMS or kind.startswith("fuse."):
        raise UnsafeDatabaseError(
            f"{path} lies on {kind}, where SQLite cannot promise that what it wrote is kept; "
            "set PORTAL_DATABASE_URL to a file on a local disk, or to PostgreSQL"
        )
    for suffix in ("", "-wal", "-shm", ".lock"):
        file = path.with_name(path.name + suffix)
        if suffix and not file.exists():
            continue
        try:
            mode = file.stat().st_mode & 0o777
        except OSError as error:
            raise DatabaseError(f"{file}: {error.strerror}; run: flask db upgrade") from error
        if mode & 0o077:
            raise UnsafeDatabaseError(
                f"{file} can be read by others (mode {mode:04o}); run: chmod 600 {file}"
            )
    safe = f"SQLite {sqlite3.sqlite_version}, safe"
    if sqlite3.sqlite_version_info >= WAL_RESET_MENDED:
        return safe
    mended = ".".join(map(str, WAL_RESET_MENDED))
    return (
        f"{safe}: SQLite before {mended} can damage a file that several programs write at once, and"
        " the portal writes it one at a time; let no other program write to it"
    )


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
