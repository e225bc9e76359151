"""One clock at a time: who has the turn, freed by the kernel or the server when it dies.

Beside a SQLite file it is a lock on a file, on PostgreSQL a lock of a session of its own.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Config
from portal.database import DatabaseError, postgresql

ADVISORY_LOCK: Final = 4_217_203_552


class Turn(Protocol):
    """A turn that one process at a time can have."""

    def take(self) -> bool:
        """Whether this process has the turn now; asked again and again, it keeps it."""

    def leave(self) -> None:
        """Let the next one have it."""


def turn_of(config: Config) -> Turn:
    """The turn of a portal's clock. Raises DatabaseError where it cannot be asked for."""
    path = config.sqlite_file
    if path is not None:
        return FileTurn(path.with_name(f"{path.name}.clock"))
    return ServerTurn(config.database_url)


class FileTurn:
    """A turn on this machine, where the SQLite file is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Whether this process has the turn now."""
        if self._file is None:
            try:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise DatabaseError(f"{self._path}: {error.strerror}") from error
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            self._file = file
        return True

    def leave(self) -> None:
        """Let the next one have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class ServerTurn:
    """A turn among all machines of a PostgreSQL server's database."""

    def __init__(self, url: str) -> None:
        self._engine = postgresql.bare_engine(url)
        self._session: sa.Connection | None = None

    def take(self) -> bool:
        """Whether this process has the turn now; a session that broke has lost it."""
        try:
            if self._session is not None:
                return bool(self._session.exec_driver_sql("SELECT true").scalar_one())
            engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            self._session = engine.connect()
            asked = f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"
            taken = bool(self._session.exec_driver_sql(asked).scalar_one())
        except SQLAlchemyError as error:
            self.leave()
            raise DatabaseError(str(error).splitlines()[0]) from error
        if not taken:
            self.leave()
        return taken

    def leave(self) -> None:
        """Let the next one have it."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            # At once: a server hears of a closed connection only a little later.
            session.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
        except SQLAlchemyError:
            session.invalidate()
        session.close()
