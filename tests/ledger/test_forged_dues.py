"""When something falls due follows from the account itself, whatever an entry says of it."""

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.database import Database
from portal.ledger.chain import entry_hash
from portal.ledger.model import DAY, Account, Draw, Entry
from portal.ledger.queries import columns
from portal.ledger.tables import accounts, entries, grants
from tests.ledger.stories import Story, debit, done


def forge(database: Database, due: int | None) -> None:
    """Append a debit of one credit that is right in all but when something falls due next."""
    with database.writing() as connection:
        account = Account._make(connection.execute(sa.select(*columns(accounts, Account))).one())
        grant = connection.execute(sa.select(grants.c.id)).scalar_one()
        seq, told = account.seq + 1, account.changed_at
        row = dict.fromkeys(Entry._fields) | {
            "account_id": account.id,
            "seq": seq,
            "id": "ent_forged",
            "kind": "debit",
            "amount": -1,
            "hold_amount": 0,
            "posted_after": account.posted - 1,
            "held_after": 0,
            "due_after": due,
            "reason": "usage",
            "actor_kind": "service",
            "actor": "studio",
            "occurred_at": told,
            "recorded_at": told,
            "prev_hash": account.head_hash,
            "grant_id": grant,
        }
        entry = Entry(**row)  # type: ignore[arg-type]
        draw = Draw(account.id, seq, 0, grant, -1, 0)
        digest = entry_hash(entry, (draw,), (), account.head_hash)
        connection.execute(entries.insert().values(entry._replace(hash=digest)._asdict()))
        if ledger.STATES in connection.info:  # what it knows was not told of this entry
            connection.info[ledger.STATES].forget()


@pytest.mark.parametrize("due", [0, None, 2**62])
def test_a_forged_due_time_wedges_no_account(database: Database, due: int | None) -> None:
    story = Story.on(database)
    story.open("pro")
    forge(database, due)
    story.wait(100 * DAY)
    done(story.ask(ledger.Advance(account_id="ada")))
    assert story.account.period_end > story.now
    done(story.ask(debit(1, reference=story.job())))
    assert story.account.next_due_at == story.account.period_end
