"""Engines for SQLite and PostgreSQL, and the one way to read, write and retry.

Transactions open and close here, at the edge: leaving the block commits, raising rolls back.
"""

from portal.database.engines import Database
from portal.database.errors import BusyError, DatabaseError, LockedError, UnsafeDatabaseError
from portal.database.upgrading import head, is_current, upgrade

__all__ = [
    "BusyError",
    "Database",
    "DatabaseError",
    "LockedError",
    "UnsafeDatabaseError",
    "head",
    "is_current",
    "upgrade",
]
