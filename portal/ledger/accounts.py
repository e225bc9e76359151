"""Reading accounts: whose credits they are and on what terms; their history is elsewhere."""

from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.errors import AccountNotFoundError
from portal.ledger.model import Account, Revision
from portal.ledger.records import profiles
from portal.ledger.tables import accounts, revisions


class Profile(NamedTuple):
    """What the `profiles` view says: an account, whose it is, and what is left to spend."""

    account_id: str
    name: str
    owner: str | None
    tier: str
    status: str
    posted: int
    held: int
    credits_remaining: int


ACCOUNT: Final = rows.reading(accounts, Account).where(accounts.c.id == sa.bindparam("account"))
ACCOUNTS: Final = (
    rows.reading(accounts, Account)
    .where(accounts.c.id > sa.bindparam("after"))
    .order_by(accounts.c.id)
    .limit(sa.bindparam("limit"))
)
PROFILE: Final = rows.reading(profiles, Profile).where(
    profiles.c.account_id == sa.bindparam("account")
)
REVISIONS: Final = (
    rows.reading(revisions, Revision)
    .where(revisions.c.account_id == sa.bindparam("account"))
    .where(revisions.c.revision < sa.bindparam("before"))
    .order_by(revisions.c.revision.desc())
    .limit(sa.bindparam("limit"))
)
LAST: Final = 2**63 - 1


def find_account(connection: Connection, account_id: str) -> Account | None:
    """The account as the tables have it (what has fallen due since is not in it), or None."""
    return rows.first(connection, Account, ACCOUNT, account=account_id)


def get_account(connection: Connection, account_id: str) -> Account:
    """The account; raises AccountNotFoundError."""
    account = find_account(connection, account_id)
    if account is None:
        raise AccountNotFoundError(account_id)
    return account


def list_accounts(
    connection: Connection, after: str | None = None, limit: int = 50
) -> tuple[Account, ...]:
    """At most `limit` accounts whose id comes after `after`, in the database's order of ids."""
    return rows.every(connection, Account, ACCOUNTS, after=after or "", limit=limit)


def find_profile(connection: Connection, account_id: str) -> Profile | None:
    """The account's row of the `profiles` view, or None."""
    return rows.first(connection, Profile, PROFILE, account=account_id)


def revisions_of(
    connection: Connection, account_id: str, *, before: int | None = None, limit: int = 50
) -> tuple[Revision, ...]:
    """The changes of an account's terms, newest first, from below revision `before`."""
    last = LAST if before is None else before
    return rows.every(connection, Revision, REVISIONS, account=account_id, before=last, limit=limit)
