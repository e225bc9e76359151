"""Deciding: what fell due comes first, then the answer; a refusal leaves nothing half done."""

from portal.ledger.errors import AlreadyChargedError
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
