"""Reading refusals: the blocked attempts a customer sees beside what was charged."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.ledger import rows
from portal.ledger.model import Refusal
from portal.ledger.records import refusals

LAST: Final = 2**63 - 1
OF_ACCOUNT: Final = refusals.c.account_id == sa.bindparam("account")
RECENT: Final = (
    rows.reading(refusals, Refusal)
    .where(OF_ACCOUNT)
    .where(refusals.c.recorded_at >= sa.bindparam("since"))
    .where(refusals.c.recorded_at < sa.bindparam("until"))
    .order_by(refusals.c.recorded_at.desc(), refusals.c.id.desc())
    .limit(sa.bindparam("limit"))
)
BY_ID: Final = (
    rows.reading(refusals, Refusal)
    .where(OF_ACCOUNT)
    .where(refusals.c.id == sa.bindparam("refusal"))
)


def recent_refusals(
    connection: Connection, account_id: str, *, since: int, until: int = LAST, limit: int = 50
) -> tuple[Refusal, ...]:
    """At most `limit` refusals, newest first, recorded from `since` on and before `until`."""
    values = {"account": account_id, "since": since, "until": until, "limit": limit}
    return rows.every(connection, Refusal, RECENT, **values)


def find_refusal(connection: Connection, account_id: str, refusal_id: str) -> Refusal | None:
    """An account's own refusal, or None."""
    return rows.first(connection, Refusal, BY_ID, account=account_id, refusal=refusal_id)
