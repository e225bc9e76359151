"""Deciding: what fell due comes first, then the answer; a refusal leaves nothing half done."""

from portal.ledger.errors import AlreadyChargedError, HoldExpiredError
from tests.ledger.stories import HOUR, MINUTE, Story, done, refused


def test_a_hold_that_ran_out_frees_its_reference_before_anybody_wrote_so() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    story.place(10, reference=job)
    story.wait(14 * MINUTE)
    refused(story.debit(10, reference=job), AlreadyChargedError)
    story.wait(MINUTE)
    done(story.debit(10, reference=job))


def test_a_hold_that_ran_out_frees_its_reference_for_the_next_hold() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    story.place(10, reference=job)
    story.wait(HOUR)
    story.place(10, reference=job)


def test_a_late_capture_is_not_kept_out_by_a_later_hold_that_ran_out_too() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    first = story.place(10, reference=job)
    story.wait(HOUR)
    story.place(10, reference=job)
    story.wait(HOUR)
    done(story.capture(first, 10))


def test_a_refusal_keeps_nothing_of_how_it_came_about() -> None:
    """A traceback would keep every frame below it, and with them the commands of a whole group."""
    story = Story()
    story.open("free")
    hold = story.place(60)
    story.wait(HOUR)
    done(story.debit(50))
    late = refused(story.capture(hold, 60), HoldExpiredError)
    again = refused(story.release(hold), HoldExpiredError)
    for each in (late, again):
        assert (each.error.__traceback__, each.error.__context__) == (None, None)
