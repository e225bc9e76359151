"""A refund that gives nothing back, or to the wrong grant, is refused by the database itself.

So writes whoever does not see that an entry can be its draw itself: of such a charge he finds no
draws, and of such a refund not that it was made.
"""

import sqlite3
from collections.abc import Callable

import psycopg
import pytest

from portal.database import Database
from portal.ledger.commands import Outcome, Refund
from portal.ledger.model import DAY, Entry
from tests.ledger.forged import append
from tests.ledger.stories import STUDIO, Story, done, entry_of

REFUSALS = (sqlite3.Error, psycopg.Error)


def by_hand(database: Database, charge: Outcome, *draws: tuple[str | None, int, int]) -> None:
    """Refund a charge by hand."""
    undone = entry_of(charge)
    append(
        database,
        *draws,
        kind="refund",
        reason="failed",
        reverses_id=undone.id,
        **{name: getattr(undone, name) for name in Entry._fields[10:15]},
    )


@pytest.fixture
def story(database: Database) -> Story:
    """Ada on plus: 1,000 credits, and a promotion of 40 that lapses in two days."""
    told = Story.on(database)
    told.open("plus")
    told.grant(40, "promotion", life=2 * DAY)
    return told


def test_a_refund_of_nothing_is_refused(database: Database, story: Story) -> None:
    """What whoever finds no draws of a charge gives back of it."""
    charged = story.debit(10)
    before = story.entries()
    with pytest.raises(REFUSALS, match="a refund gives something back"):
        by_hand(database, charged)
    assert story.entries() == before
    by_hand(database, charged, (entry_of(charged).grant_id, 10, 0))


def test_a_refund_to_a_grant_that_got_its_part_back_is_refused(
    database: Database, story: Story
) -> None:
    """What whoever does not find the draw of a refund before takes for still to be given back."""
    charged = story.debit(100)
    promotion, allocation = (draw.grant_id for draw in done(charged).draws)
    done(story.refund(charged, 50))
    before = story.entries()
    for draws in ([(allocation, 40, 0)], [(allocation, 11, 0), (promotion, 29, 0)]):
        with pytest.raises(REFUSALS, match="no grant more than was taken"):
            by_hand(database, charged, *draws)
    assert story.entries() == before
    by_hand(database, charged, (allocation, 10, 0), (promotion, 30, 0))


def test_a_refund_that_takes_from_another_grant_is_refused(
    database: Database, story: Story
) -> None:
    """Its sum would leave a rest of the charge that no refund could ever give back."""
    charged = story.debit(100)
    promotion, allocation = (draw.grant_id for draw in done(charged).draws)
    story.grant(500)
    other = next(each.id for each in story.ledger.tables.grants.values() if each.amount == 500)
    before = story.entries()
    with pytest.raises(REFUSALS, match="takes nothing from a grant"):
        by_hand(database, charged, (promotion, 40, 0), (allocation, 60, 0), (other, -99, 0))
    assert story.entries() == before
    done(story.refund(charged))


def whole(story: Story) -> None:
    """All at once of a charge on one grant."""
    done(story.refund(story.debit(10)))


def in_parts(story: Story) -> None:
    """Bit by bit to several grants."""
    charged = story.debit(100)
    for credits in (50, 15, 5, 30):
        done(story.refund(charged, credits))


def of_a_batch(story: Story) -> None:
    """Two of one charge in one statement."""
    charged = entry_of(story.debit(100))
    part = Refund(actor=STUDIO, entry_id=charged.id, reason="failed", credits=50)
    for outcome in story.ledger.post([part, part], story.now):
        done(outcome)


def of_captures(story: Story) -> None:
    """A part captured, the rest, and what is captured late."""
    hold, late = story.place(60), story.place(30)
    parts = [story.capture(hold, 50, final=False), story.capture(hold, 5)]
    story.wait(DAY // 2)
    for charged in (*parts, story.capture(late, 30)):
        done(story.refund(charged))


def reinstated(story: Story) -> None:
    """In parts to a grant that has lapsed since, and to what was reinstated of it."""
    charged = story.debit(40)
    story.wait(3 * DAY)
    for credits in (10, 30):
        done(story.refund(charged, credits))
    again = story.debit(40)
    done(story.refund(again, 5))
    story.now += 31 * DAY
    done(story.refund(again))


def lapsed_again(story: Story) -> None:
    """To a grant that has lapsed, where it expires at once."""
    charged = story.debit(100)
    story.wait(3 * DAY)
    done(story.refund(charged, 80, reason="goodwill"))
    done(story.refund(charged, reason="goodwill"))


def still_pinned(story: Story) -> None:
    """To a grant that has lapsed, of which a hold still keeps some."""
    charged = story.debit(10)
    story.now += 2 * DAY - 1
    story.place(30)
    story.wait(2)
    done(story.refund(charged, 4, reason="goodwill"))
    done(story.refund(charged, 6))


def owed(story: Story) -> None:
    """Of an overdraft that is still owed, and of one that was repaid since."""
    story.open("scale")
    story.now = story.account.period_end
    charged = story.debit(1_000)
    done(story.refund(charged, 10))
    assert story.account.posted == -90
    story.grant(60)
    for credits in (20, 40):
        done(story.refund(charged, credits))
    assert [origin for origin, *_ in story.grants] == ["reinstatement"]
    done(story.refund(charged))


KINDS = (whole, in_parts, of_a_batch, of_captures, reinstated, lapsed_again, still_pinned, owed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_refund_passes(story: Story, kind: Callable[[Story], None]) -> None:
    kind(story)
    charges = {e.id: -e.amount for e in story.entries() if e.kind in ("debit", "capture")}
    refunds = [e for e in story.entries() if e.kind == "refund"]
    assert sum(e.amount for e in refunds) == sum(charges.values())
