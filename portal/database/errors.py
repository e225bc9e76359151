"""What keeps the portal from its database, in words an operator can act on.

A failure of the database is one of three: it is too busy (BusyError; LockedError where that may be
a single row), it does not answer or cannot write (DatabaseError), or it refused what it was given,
which stays the driver's own error: asking again would change nothing.
"""

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

LOCKED: Final = "55P03"  # a lock that did not come in time
# PostgreSQL's states after which the same work may succeed at once: it lost a race, all of it is
# undone. On SQLite writers take turns, and none can lose one.
RACES: Final = frozenset({"40001", "40P01", LOCKED, "23505"})
BUSY: Final = frozenset({"40001", "40P01", LOCKED, "57014"})
# First letters of states that tell of a server away, full, ending, or only standing by.
DOWN: Final = ("08", "53", "57", "58", "XX", "25006", "25P03")
SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
SQLITE_DOWN: Final = frozenset(
    {
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
# What Python says of a handle that somebody closed; SQLite was not asked, so there is no code.
CLOSED: Final = "Cannot operate on a closed database."


class DatabaseError(Exception):
    """The database cannot be reached or written now."""


class BusyError(DatabaseError):
    """Another writer kept the database for too long."""


class LockedError(BusyError):
    """Another writer kept some row for too long; others may be free."""


class UnsafeDatabaseError(DatabaseError):
    """The database is set up so that acknowledged credits could be lost; the portal won't start."""


def find_failure(error: BaseException) -> DatabaseError | None:
    """The portal's own error for a database that is busy or away; None for anything else."""
    if isinstance(error, DatabaseError):
        return error
    words = f"{type(error).__name__}: {error}".splitlines()[0]
    if state_of(error) == LOCKED:
        return LockedError(words)
    if is_busy(error):
        return BusyError(words)
    if code_of(error) == sqlite3.SQLITE_CANTOPEN:
        words += "; where there is none yet, run: flask db upgrade"
    return DatabaseError(words) if is_down(error) else None


def may_repeat(error: BaseException) -> bool:
    """Whether the same work may succeed now: it lost a race, and nothing of it was kept."""
    return state_of(error) in RACES


def is_busy(error: BaseException) -> bool:
    """Whether others kept the database for too long."""
    if isinstance(error, PoolTimeoutError):
        return True
    return code_of(error) in SQLITE_BUSY or state_of(error) in BUSY


def is_down(error: BaseException) -> bool:
    """Whether the database is away, broken, full or ending; whatever was asked of it."""
    code, state = code_of(error), state_of(error)
    if code is not None or state is not None:
        return code in SQLITE_DOWN or (state or "").startswith(DOWN)
    if isinstance(original_of(error), sqlite3.ProgrammingError):
        return CLOSED in str(error)
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(original_of(error)).__mro__}
    return "psycopg.OperationalError" in kinds or getattr(error, "connection_invalidated", False)


def state_of(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's or SQLAlchemy's error."""
    return getattr(original_of(error), "sqlstate", None)


def code_of(error: BaseException) -> int | None:
    """SQLite's primary result code of an error of its driver."""
    original = original_of(error)
    if not isinstance(original, sqlite3.Error):
        return None
    code: int | None = getattr(original, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def original_of(error: BaseException) -> BaseException:
    """The driver's error within SQLAlchemy's."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    return original or error
