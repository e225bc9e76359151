"""When something falls due follows from the account itself, whatever an entry says of it."""

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.database import Database
from portal.ledger.audit import audit
from portal.ledger.model import DAY
from portal.ledger.tables import grants
from tests.ledger.forged import append
from tests.ledger.stories import Story, debit, done


def forge(database: Database, due: int | None) -> None:
    """Append a debit of one credit that is right in all but when something falls due next."""
    with database.reading() as connection:
        grant = connection.execute(sa.select(grants.c.id)).scalar_one()
    append(database, (grant, -1, 0), due_after=due)


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


@pytest.mark.parametrize("due", [0, None, 2**62])
def test_the_audit_names_a_forged_due_time(database: Database, due: int | None) -> None:
    """The clock would look the account over at every turn, or pass it over."""
    story = Story.on(database)
    story.open("pro")
    assert found(database, story.now) == []
    forge(database, due)
    assert found(database, story.now) == [("ada", 2, "due_after", str(story.account.period_end))]
    done(story.ask(debit(1, reference=story.job())))
    assert found(database, story.now) == []


def found(database: Database, now: int) -> list[tuple[str | None, int | None, str, str]]:
    """The differences an audit tells."""
    with database.reading() as connection:
        differences = audit(connection, now=now).differences
    return [(each.account, each.seq, each.rule, each.expected) for each in differences]
