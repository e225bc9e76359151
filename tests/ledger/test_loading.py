"""Loading: what commands need and no more, the same facts together as apart."""

import pytest

from portal.database import Database
from portal.ledger.commands import Adjust, CaptureHold, Command, IssueGrant, Outcome, PlaceHold
from portal.ledger.errors import AlreadyChargedError, AlreadyGrantedError
from portal.ledger.loading import load
from portal.ledger.model import DAY, Reference, Request
from tests.ledger.stories import (
    ADMIN,
    HOUR,
    STUDIO,
    Story,
    debit,
    done,
    entry_of,
    hold,
    key,
    refused,
)
from tests.ledger.vault import Vault

PAYMENT = Reference("payment", "p-1")


def together(story: Story, *commands: Command) -> list[Outcome]:
    """Post commands in one database transaction."""
    return story.ledger.post(commands, story.now)


def test_a_late_capture_sees_the_hold_that_another_command_of_the_batch_names(
    database: Database,
) -> None:
    story = Story.on(database)
    story.open("plus")
    job = story.job()
    first = story.place(10, reference=job)
    story.wait(HOUR)
    second = story.place(10, reference=job)
    late, captured = together(
        story,
        CaptureHold(actor=STUDIO, hold_id=first, credits=10),
        CaptureHold(actor=STUDIO, hold_id=second, credits=10),
    )
    refused(late, AlreadyChargedError, original=second)
    done(captured)
    assert story.account.posted == 990


def test_only_a_grant_uses_up_its_payment(database: Database) -> None:
    story = Story.on(database)
    story.open("plus")
    given = IssueGrant(
        actor=STUDIO, account_id="ada", credits=5, origin="purchase", reference=PAYMENT
    )
    adjusted = Adjust(
        actor=ADMIN,
        account_id="ada",
        amount=-5,
        reason="chargeback",
        reference=PAYMENT,
        approved_by="otto@example.com",
        note="n",
    )
    held = PlaceHold(
        actor=STUDIO, account_id="ada", operation="speak", quantity=1, reference=PAYMENT
    )
    *others, first, again = together(story, adjusted, held, given, given)
    assert all(map(done, others))
    refused(again, AlreadyGrantedError, entry=entry_of(first).id)


def test_facts_and_pins_are_loaded_for_what_is_named_or_due(database: Database) -> None:
    story = Story.on(database)
    story.open("plus")
    due = story.place(10, ttl_seconds=60)
    named, other = story.place(20), story.place(30)
    charged = entry_of(story.debit(5, request=key("k1")))
    story.grant(7, reference=PAYMENT)
    story.wait(HOUR // 60)
    commands: list[Command] = [
        CaptureHold(actor=STUDIO, hold_id=named, credits=1, request=key("k2")),
        CaptureHold(actor=STUDIO, hold_id="hld_none", credits=1),
        debit(5, reference=Reference("task", "job-4"), request=key("k1")),
        hold(20, reference=Reference("task", "job-2")),
        IssueGrant(actor=STUDIO, account_id="bob", credits=5, origin="purchase", reference=PAYMENT),
    ]
    with database.reading() as connection:
        known = load(connection, commands, story.now, lock=False)
    [state] = known.states.values()
    assert set(state.holds) == {due, named, other}
    assert {name: [pin.amount for pin in pins] for name, pins in state.pins.items()} == {
        due: [10],
        named: [20],
    }
    assert known.charged == {
        ("ada", "speak", "task", "job-4"): charged.id,
        ("ada", "speak", "task", "job-2"): named,
    }
    assert list(known.answered) == [("studio", "k1")]
    assert list(known.holds) == [named]
    assert list(known.paid) == ["p-1"]


def test_keys_are_looked_up_service_by_service(database: Database) -> None:
    story = Story.on(database)
    story.open("plus")
    done(story.debit(1, request=key("k1")))
    commands = [debit(1, reference=story.job(), request=Request("other", "k1", "{}"))]
    with database.reading() as connection:
        assert load(connection, commands, story.now, lock=False).answered == {}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_load_needs_no_command(database: Database, count: int) -> None:
    story = Story.on(database)
    assert isinstance(story.ledger, Vault)
    for number in range(count):
        story.open("plus", account_id=f"a{number}")
    commands = [debit(1, reference=story.job(), account_id=f"a{n}") for n in range(count)]
    with database.writing() as connection:
        known = load(connection, commands, story.now + DAY)
    assert sorted(known.states) == [f"a{number}" for number in range(count)]
