"""An entry put into a ledger by hand: right in all that a hash covers, whatever it says."""

from typing import Any

import sqlalchemy as sa

from portal import ledger
from portal.database import Database
from portal.ledger.appending import Pages, seal
from portal.ledger.book import Draft
from portal.ledger.model import Account, Draw, Entry
from portal.ledger.queries import columns
from portal.ledger.tables import accounts


def append(database: Database, *draws: tuple[str | None, int, int], **members: Any) -> None:
    """Append an entry of the only account there is: a debit by the studio, unless said otherwise.

    Of one draw on a grant it is the draw itself; its amounts are the sums of its draws.
    """
    with database.writing() as connection:
        account = Account._make(connection.execute(sa.select(*columns(accounts, Account))).one())
        seq = account.seq + 1
        drawn = tuple(Draw(account.id, seq, place, *each) for place, each in enumerate(draws))
        amount, pinned = sum(draw.amount for draw in drawn), sum(draw.pinned for draw in drawn)
        row = dict.fromkeys(Entry._fields) | {
            "account_id": account.id,
            "seq": seq,
            "id": f"ent_forged_{seq}",
            "kind": "debit",
            "amount": amount,
            "hold_amount": pinned,
            "posted_after": account.posted + amount,
            "held_after": account.held + pinned,
            "due_after": account.next_due_at,
            "reason": "usage",
            "actor_kind": "service",
            "actor": "studio",
            "occurred_at": account.changed_at,
            "recorded_at": account.changed_at,
            "grant_id": draws[0][0] if len(draws) == 1 else None,
        }
        pages = Pages()
        entry = Entry(**row | members)  # type: ignore[arg-type]
        pages.drafts, _ = seal(account, [Draft(entry, drawn, ())])
        pages.append(connection)
        if ledger.STATES in connection.info:  # what it knows was not told of this entry
            connection.info[ledger.STATES].forget()
