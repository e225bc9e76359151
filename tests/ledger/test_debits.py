"""Debits: a price taken at once, from grants in burn order, once per job."""

from portal.ledger.errors import AlreadyChargedError, InsufficientCreditsError
from portal.ledger.model import DAY, Reference
from tests.ledger.stories import HOUR, Story, done, entry_of, refused, table


def test_a_debit_says_what_it_was_for_and_what_paid() -> None:
    story = Story()
    story.open("plus")
    story.grant(40, "promotion", life=DAY)
    job = Reference("generation", "g-1")
    outcome = done(story.debit(101, "fast", reference=job, metadata='{"voice":"b"}'))
    entry = entry_of(outcome)
    assert (entry.kind, entry.reason, entry.amount, entry.hold_amount) == ("debit", "usage", -51, 0)
    assert (entry.operation, entry.quantity, entry.tariff) == ("fast", 101, "first")
    assert (entry.reference_type, entry.reference_id) == job
    assert (entry.occurred_at, entry.recorded_at) == (story.now, story.now)
    assert entry.metadata == '{"voice":"b"}'
    assert [(draw.position, draw.amount, draw.pinned) for draw in outcome.draws] == [
        (0, -40, 0),
        (1, -11, 0),
    ]
    assert (outcome.hold, outcome.grants) == (None, ())


def test_a_reference_is_debited_once_per_operation() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    first = entry_of(story.debit(10, reference=job))
    refused(
        story.debit(11, reference=job),
        AlreadyChargedError,
        original=first.id,
        operation="speak",
        reference_type="task",
        reference_id="job-1",
    )
    refused(story.hold(10, reference=job), AlreadyChargedError, original=first.id)
    done(story.debit(10, "fast", reference=job))
    done(story.debit(10, reference=Reference("generation", job.id)))
    story.open("plus", account_id="bob")
    done(story.debit(10, reference=job, account_id="bob"))


def test_a_reference_stays_debited_after_a_refund() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    charged = story.debit(10, reference=job)
    done(story.refund(charged))
    refused(story.debit(10, reference=job), AlreadyChargedError)


def test_a_hold_stands_for_its_reference_while_it_is_open_and_once_captured() -> None:
    story = Story()
    story.open("plus")
    job = story.job()
    hold = story.place(10, reference=job)
    refused(story.debit(10, reference=job), AlreadyChargedError, original=hold)
    done(story.capture(hold, 0))
    refused(story.debit(10, reference=job), AlreadyChargedError, original=hold)
    story.wait(HOUR)
    refused(story.hold(10, reference=job), AlreadyChargedError, original=hold)


def test_the_last_credit_can_be_spent_and_not_one_more() -> None:
    story = Story()
    story.open("scale")
    refused(story.debit(701), InsufficientCreditsError, spendable=700, shortfall=1)
    done(story.debit(700))
    refused(story.debit(1), InsufficientCreditsError, spendable=0, available=-200)
    assert story.statement() == table("""
        grant allocation  500 0 ->  500 0
        debit usage      -700 0 -> -200 0
    """)
