"""Balances: now, after any entry, as recorded at an instant and as effective at one."""

from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.accounts import get_account
from portal.ledger.errors import ValidationError
from portal.ledger.moments import seq_recorded_by
from portal.ledger.tables import entries


class Balance(NamedTuple):
    """What an account has after entry `seq`; `at` is the instant it was asked for, or the
    recording of that entry (UTC microseconds)."""

    account: str
    posted: int
    held: int
    seq: int
    at: int

    @property
    def available(self) -> int:
        """Credits that are posted and not held (law 2)."""
        return self.posted - self.held


AFTER: Final = sa.select(
    entries.c.account_id,
    entries.c.posted_after,
    entries.c.held_after,
    entries.c.seq,
    entries.c.recorded_at,
).where(entries.c.account_id == sa.bindparam("account"))
AT_SEQ: Final = AFTER.where(entries.c.seq == sa.bindparam("seq"))
EFFECTIVE_SINCE: Final = (
    sa.select(
        rows.total(entries.c.amount),
        rows.total(entries.c.hold_amount),
        sa.func.max(entries.c.seq),
    )
    .where(entries.c.account_id == sa.bindparam("account"))
    .where(entries.c.seq > sa.bindparam("seq"))
    .where(entries.c.occurred_at <= sa.bindparam("at"))
)


def balance_now(connection: Connection, account_id: str) -> Balance:
    """The balance after the last entry; raises AccountNotFoundError."""
    account = get_account(connection, account_id)
    return Balance(account_id, account.posted, account.held, account.seq, account.changed_at)


def balance_at_seq(connection: Connection, account_id: str, seq: int) -> Balance:
    """The balance right after entry `seq` (0: before the first one).

    Raises AccountNotFoundError, and ValidationError for a seq that is not there yet.
    """
    balance = rows.first(connection, Balance, AT_SEQ, account=account_id, seq=seq)
    if balance is not None:
        return balance
    account = get_account(connection, account_id)
    if seq != 0:
        raise ValidationError("seq", f"must be from 0 to {account.seq}", seq)
    return Balance(account_id, 0, 0, 0, account.created_at)


def balance_recorded_at(connection: Connection, account_id: str, at: int) -> Balance:
    """What the ledger knew at `at` (UTC microseconds): all entries recorded by then.

    Raises AccountNotFoundError.
    """
    seq = seq_recorded_by(connection, account_id, at)
    balance = rows.first(connection, Balance, AT_SEQ, account=account_id, seq=seq) if seq else None
    if balance is not None:
        return balance._replace(at=at)
    get_account(connection, account_id)
    return Balance(account_id, 0, 0, 0, at)


def balance_effective_at(connection: Connection, account_id: str, at: int) -> Balance:
    """What was in effect at `at` (UTC microseconds), as is known today.

    Counts every entry that occurred by then, also those recorded later: late usage, and what
    fell due by itself and was written when the account was next touched. Nothing is recorded
    before it occurs, so only entries after the balance as recorded at `at` are summed.
    Raises AccountNotFoundError.
    """
    known = balance_recorded_at(connection, account_id, at)
    values = {"account": account_id, "seq": known.seq, "at": at}
    amount, hold_amount, last = connection.execute(EFFECTIVE_SINCE, values).one()
    return Balance(
        account_id,
        known.posted + amount,
        known.held + hold_amount,
        known.seq if last is None else last,
        at,
    )
