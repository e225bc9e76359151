"""The audit as the command runs it: in this process, or in several where that is worth it."""

import os
import sys
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from tqdm import tqdm

from portal import ledger
from portal.cli.auditors import auditors
from portal.config import Config
from portal.database import Database

JOBS_MAX: Final = 4
# Fewer entries are audited before other processes could begin.
LARGE: Final = 20_000
_entries = ledger.metadata.tables["entries"].c
MANY: Final = sa.select(_entries.seq).offset(LARGE - 1).limit(1)


def cores() -> int:
    """How many processes an audit takes unless it is told: one a core, four at most.

    One where the system does not say on which cores this process may run.
    """
    ours = getattr(os, "sched_getaffinity", lambda _: {0})
    return min(JOBS_MAX, len(ours(0)))


def audited(
    database: Database,
    config: Config,
    *,
    now: int,
    account: str | None = None,
    jobs: int,
    quiet: bool = False,
) -> ledger.Report:
    """Audit everything, or one account, with a progress bar on a terminal unless `quiet`.

    A report is the same whatever `jobs` is. Raises AuditorError where one of several processes
    fails; AccountNotFoundError, DatabaseError.
    """
    if jobs > 1 and account is None and is_large(database):
        database.dispose()  # nothing may be open when other processes are made
        with (
            auditors(jobs, config, now) as several,
            database.sharing(several.join) as connection,
            bar(connection, quiet=quiet) as shown,
        ):
            return several.check(ledger.audit_parts(connection), shown.update)
    with database.reading() as connection, bar(connection, account, quiet=quiet) as shown:
        return ledger.audit(connection, now=now, account=account, progress=shown.update)


def is_large(database: Database) -> bool:
    """Whether there are so many entries that several processes audit them sooner."""
    with database.reading() as connection:
        return connection.execute(MANY).first() is not None


def bar(connection: Connection, account: str | None = None, *, quiet: bool) -> "tqdm[Any]":
    """A progress bar on stderr over the rows that will be told; in a file it would be noise."""
    return tqdm(
        total=ledger.audit_size(connection, account),
        desc="audit",
        unit=" rows",
        file=sys.stderr,
        mininterval=0.2,
        disable=quiet or None,  # no terminal, no bar
    )
