"""What keeps the portal from its database, in words an operator can act on."""


class DatabaseError(Exception):
    """The database cannot be reached or written now."""


class BusyError(DatabaseError):
    """Another writer kept the database for too long."""


class UnsafeDatabaseError(DatabaseError):
    """The database is set up so that acknowledged credits could be lost; the portal won't start."""
