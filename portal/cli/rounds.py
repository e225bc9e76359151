"""What the clock does in one round: due work sooner, SQLite's log into its file, old rows away.

All of it is done by others, too, whenever they come by: without a clock it is only done later.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from portal import identity, ledger
from portal.current import Application
from portal.database import sqlite
from portal.database.turnstile import Turnstile
from portal.internal.nonces import spent_nonces

GROUP: Final = 25
MINUTE: Final = 60 * ledger.MICROSECONDS
LOG_MAX: Final = 4 * 1024 * 1024  # bytes of SQLite's log that are moved at once, not each minute
PASSING: Final = (ledger.StorageUnavailableError, ledger.InProgressError)
_accounts = ledger.metadata.tables["accounts"].c
_AFTER: Final = sa.or_(
    _accounts.next_due_at > sa.bindparam("at", type_=sa.BigInteger),
    sa.and_(
        _accounts.next_due_at == sa.bindparam("at", type_=sa.BigInteger),
        _accounts.id > sa.bindparam("account"),
    ),
)
DUE: Final = (
    sa.select(_accounts.next_due_at, _accounts.id)
    .where(_accounts.next_due_at <= sa.bindparam("now", type_=sa.BigInteger), _AFTER)
    .order_by(_accounts.next_due_at, _accounts.id)
    .limit(GROUP)
)
log = logging.getLogger(__name__)


class Due(NamedTuple):
    """An account on which something fell due, and when the first of it did (UTC µs)."""

    at: int
    account: str


class Advanced(NamedTuple):
    """What a round did: accounts brought to now, accounts that could not be."""

    done: int
    failed: int


def advance_due(state: Application, stopping: Callable[[], bool] = lambda: False) -> Advanced:
    """Bring every account to now on which something fell due, by the ledger's own command.

    Raises StorageUnavailableError and InProgressError; what was posted before stays posted. One
    account that fails keeps no other one back; it is tried again in the next round.
    """
    done = failed = 0
    for group in due_groups(state, state.clock()):
        if stopping():
            break
        failures = post_group(state, [due.account for due in group])
        done += len(group) - failures
        failed += failures
    return Advanced(done, failed)


def due_groups(state: Application, now: int) -> Iterator[list[Due]]:
    """Accounts by when something fell due on them; each is seen once, whatever becomes of it."""
    last = Due(-1, "")
    while True:
        with state.database.reading() as connection:
            rows = connection.execute(DUE, {"now": now, "at": last.at, "account": last.account})
            group = [Due(*row) for row in rows]
        if not group:
            return
        yield group
        last = group[-1]


def post_group(state: Application, accounts: Sequence[str]) -> int:
    """Advance some accounts in one database transaction, or each alone; gives how many failed."""
    try:
        outcomes = state.post([ledger.Advance(account_id=account) for account in accounts])
    except PASSING:
        raise
    except Exception as error:
        if len(accounts) > 1:
            return sum(post_group(state, [account]) for account in accounts)
        log.error("account %s cannot be advanced", accounts[0], exc_info=error)
        return 1
    refused = [each for each in outcomes if isinstance(each, ledger.Refused)]
    for each in refused:
        log.error("an account was not advanced: %s", each.error)
    return len(refused)


def sweep(state: Application) -> int:
    """Delete sessions, attempts and nonces that are past use; gives how many rows that were."""
    now, config = state.clock(), state.config
    lifetime = identity.Lifetime(
        config.session_idle_minutes * MINUTE, config.session_hours * 60 * MINUTE
    )
    with state.database.writing() as connection:
        nonces = connection.execute(spent_nonces.delete().where(spent_nonces.c.expires_at < now))
        return nonces.rowcount + identity.sweep(connection, now, lifetime)


def log_size(path: Path) -> int:
    """How many bytes SQLite's write-ahead log has now."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def checkpoint(path: Path) -> bool:
    """Move SQLite's log into its file, in the writers' turn; whether all of it could be moved.

    Readers are not disturbed and not waited for. Raises DatabaseError where the turn is not had.
    """
    with Turnstile(path).turn():
        connection = sqlite.connect(path, writes=True)
        try:
            busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return False  # what is in the log is safe there
        finally:
            connection.close()
    return not busy and pages == moved
