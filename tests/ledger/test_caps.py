"""Caps on what an account may spend, and stop-losses: who sets them, what counts, until when."""

from typing import Any

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.database import Database
from portal.ledger import caps, loading, queries
from portal.ledger import commands as asked
from portal.ledger.errors import LimitReachedError, ValidationError
from portal.ledger.model import DAY
from portal.ledger.statements import Statement, read_all
from portal.pricing import SpendCap, UnknownOperationError
from tests.ledger.laws import broken_laws
from tests.ledger.stories import (
    ADMIN,
    HOUR,
    START,
    STUDIO,
    Story,
    at,
    debit,
    done,
    hold,
    key,
    refused,
)

MIDNIGHT = at("2026-01-11")
PERIOD_END = at("2026-02-10T12:00")


@pytest.fixture
def story(database: Database) -> Story:
    """Ada on `pro`, with 2,000 credits and no caps; it is noon of 10 January."""
    told = Story.on(database)
    told.open("pro")
    return told


def test_a_cap_of_a_day_is_never_passed_and_says_its_numbers(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    done(story.debit(60))
    refused(
        story.debit(41),
        LimitReachedError,
        limit="credits_per_day",
        operation=None,
        maximum=100,
        used=60,
        requested=101,
        until=MIDNIGHT,
    )
    done(story.debit(40))
    refused(story.debit(1), LimitReachedError, used=100, requested=101)
    story.now = MIDNIGHT
    done(story.debit(100))
    assert broken_laws(story.ledger.tables) == []


def test_how_much_of_each_cap_is_used_can_be_read(story: Story, database: Database) -> None:
    with database.reading() as connection:
        assert ledger.cap_uses(connection, story.account, None, (), story.now) == ()
    done(story.cap("credits_per_day", 100))
    done(story.cap("credits_per_period", 50, operation="fast"))
    done(story.debit(60))
    done(story.debit(20, "fast"))
    held = done(story.hold(25)).hold
    assert held is not None
    with database.reading() as connection:
        found = ledger.cap_uses(connection, story.account, None, (held,), story.now)
    uses = {(use.cap.limit, use.cap.operation): (use.used, use.left, use.ends_at) for use in found}
    assert uses == {
        ("credits_per_day", None): (95, 5, MIDNIGHT),
        ("credits_per_period", "fast"): (10, 40, PERIOD_END),
    }


def test_a_cap_of_one_operation_leaves_the_others_alone(story: Story) -> None:
    done(story.cap("credits_per_period", 50, operation="fast"))
    done(story.debit(100, "fast"))
    refused(
        story.debit(2, "fast"),
        LimitReachedError,
        limit="credits_per_period",
        operation="fast",
        used=50,
        until=PERIOD_END,
    )
    done(story.debit(500))
    story.now = PERIOD_END
    done(story.debit(100, "fast"))


def test_a_period_counts_the_whole_days_it_touches(story: Story) -> None:
    done(story.cap("credits_per_period", 100))
    story.now = PERIOD_END - HOUR
    done(story.debit(100))
    refused(story.debit(1), LimitReachedError, used=100, until=PERIOD_END)
    story.now = PERIOD_END
    refused(story.debit(1), LimitReachedError, used=100, until=at("2026-03-10T12:00"))
    story.now = at("2026-02-11")
    refused(story.debit(1), LimitReachedError, used=100)


def test_holds_count_while_they_are_open_and_captures_take_their_place(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    job = story.place(70)
    refused(story.hold(31), LimitReachedError, used=70)
    done(story.capture(job, 20))
    other = story.place(80)
    refused(story.debit(1), LimitReachedError, used=100)
    done(story.release(other))
    third = story.place(80)
    done(story.capture(third, 30, final=False))
    refused(story.debit(1), LimitReachedError, used=100)
    story.now += DAY
    refused(story.debit(101), LimitReachedError, used=0)


def test_an_open_hold_counts_on_the_day_it_would_be_charged(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    story.now = MIDNIGHT - 1
    job = story.place(70)
    story.now = MIDNIGHT
    refused(story.debit(31), LimitReachedError, used=70)
    done(story.capture(job, 70))
    refused(story.debit(31), LimitReachedError, used=70)


def test_a_refund_gives_a_cap_back_on_the_day_it_is_made(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    charge = story.debit(100)
    done(story.refund(charge, 30))
    done(story.debit(30))
    story.now = MIDNIGHT
    done(story.refund(charge, 50))
    refused(story.debit(151), LimitReachedError, used=-50, requested=101)
    done(story.debit(150))


def test_late_usage_counts_on_the_day_it_occurred(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    story.now += 2 * DAY
    yesterday = story.now - DAY
    done(story.debit(90))
    done(story.debit(100, occurred_at=yesterday))
    refused(story.debit(1, occurred_at=yesterday), LimitReachedError, used=100, until=None)
    refused(story.debit(11), LimitReachedError, used=90)


def test_late_usage_counts_in_the_period_it_occurred(story: Story) -> None:
    done(story.cap("credits_per_period", 100))
    done(story.debit(80))
    story.now = PERIOD_END + 3 * DAY
    done(story.debit(90))
    batch = [
        debit(11, reference=story.job()),
        debit(20, reference=story.job(), occurred_at=START + 1),
        debit(1, reference=story.job(), occurred_at=START + 1),
        debit(10, reference=story.job()),
    ]
    outcomes = story.ledger.post(batch, story.now)
    refused(outcomes[0], LimitReachedError, used=90)
    done(outcomes[1])
    refused(outcomes[2], LimitReachedError, used=100, until=None)
    done(outcomes[3])


def test_what_is_set_aside_later_is_capped_too(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    streamed, job = story.place(100, "stream"), story.place(40)
    refused(story.extend(job, quantity=51), LimitReachedError, used=90, requested=101)
    done(story.extend(job, quantity=50))
    done(story.extend(job))
    refused(story.capture(streamed, 51), LimitReachedError, used=100, requested=101)
    done(story.capture(streamed, 50))


def test_a_late_capture_is_a_new_charge(story: Story) -> None:
    job = story.place(60)
    done(story.cap("credits_per_day", 100))
    story.now += HOUR
    done(story.debit(50))
    refused(story.capture(job, 60), LimitReachedError, used=50, requested=110)
    done(story.capture(job, 50))


def test_what_costs_nothing_passes_a_cap(story: Story) -> None:
    job = story.place(10)
    done(story.cap("credits_per_day", 0))
    refused(story.debit(1), LimitReachedError, used=10, maximum=0)
    story.wait(HOUR)
    done(story.capture(job, 0))


def test_a_stop_loss_lets_the_job_through_that_reaches_it_and_none_after(story: Story) -> None:
    done(story.cap("stop_loss_per_day", 100))
    done(story.debit(99))
    job = story.place(30)
    for refusal in (story.debit(1), story.hold(1), story.extend(job, quantity=31)):
        refused(refusal, LimitReachedError, limit="stop_loss_per_day", used=129, until=MIDNIGHT)
    done(story.extend(job))
    done(story.capture(job, 30))
    story.now = MIDNIGHT
    done(story.debit(1))


def test_a_refund_does_not_undo_a_stop_loss(story: Story) -> None:
    done(story.cap("stop_loss_per_period", 100))
    charge = story.debit(100)
    done(story.refund(charge))
    refused(story.debit(1), LimitReachedError, used=100, until=PERIOD_END)


def test_an_admin_lifts_a_stop_loss_until_its_window_ends(story: Story) -> None:
    done(story.cap("stop_loss_per_day", 100))
    done(story.debit(100))
    done(story.cap("stop_loss_per_day", lift=True, note="called them"))
    done(story.debit(500))
    story.now = MIDNIGHT
    done(story.debit(100))
    refused(story.debit(1), LimitReachedError, limit="stop_loss_per_day")
    [*_, capped, lifted] = story.ledger.tables.revisions["ada"]
    assert (capped.reason, lifted.reason, lifted.note) == ("capped", "lifted", "called them")
    assert (lifted.actor, lifted.prev_hash) == (ADMIN.name, capped.hash)
    assert caps.read_caps(lifted.caps) == (SpendCap("stop_loss_per_day", None, 100, MIDNIGHT),)


def test_a_tier_brings_its_caps_and_the_account_s_own_come_first(story: Story) -> None:
    story.open("club", account_id="bob")
    tight = debit(81, account_id="bob", reference=story.job())
    refused(story.ask(tight), LimitReachedError, limit="credits_per_day", maximum=80)
    fast = debit(82, "fast", account_id="bob", reference=story.job())
    refused(story.ask(fast), LimitReachedError, operation="fast", limit="credits_per_period")
    done(story.cap("credits_per_day", 100, account_id="bob"))
    done(story.ask(tight))
    done(story.cap("stop_loss_per_period", lift=True, account_id="bob"))
    done(story.cap("credits_per_day", account_id="bob"))
    refused(
        story.debit(1, account_id="bob"), LimitReachedError, limit="credits_per_day", maximum=80
    )


def test_the_same_cap_again_is_no_change_and_one_that_is_removed_is_gone(story: Story) -> None:
    done(story.cap("credits_per_day", 10))
    before = story.account.revision
    done(story.cap("credits_per_day", 10))
    assert story.account.revision == before
    done(story.cap("credits_per_day"))
    done(story.cap("credits_per_day"))
    assert (story.account.revision, story.account.caps) == (before + 1, None)
    done(story.debit(11))


@pytest.mark.parametrize(
    ("limit", "members", "member"),
    [
        ("credits_per_year", {"credits": 1}, "limit"),
        ("credits_per_day", {"lift": True}, "limit"),
        ("stop_loss_per_day", {"lift": True}, "limit"),
        ("credits_per_day", {"credits": -1}, "credits"),
        ("credits_per_day", {"credits": 10**12 + 1}, "credits"),
        ("stop_loss_per_day", {"credits": 1, "operation": "fast"}, "operation"),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused(
    story: Story, limit: str, members: dict[str, Any], member: str
) -> None:
    refused(story.cap(limit, **members), ValidationError, member=member)
    assert story.account.caps is None


def test_a_cap_of_an_operation_that_is_none_is_refused(story: Story) -> None:
    refused(story.cap("credits_per_day", 1, operation="sing"), UnknownOperationError)


def test_a_batch_sees_what_came_before_it_in_the_batch(story: Story) -> None:
    story.open("plus", account_id="bob")
    charge = done(story.debit(50)).entry
    assert charge is not None
    job = story.place(20)
    command = asked.SetCap(account_id="ada", actor=ADMIN, limit="credits_per_day", credits=100)
    outcomes = story.ledger.post(
        [
            asked.CaptureHold(hold_id=job, credits=20, actor=STUDIO),
            debit(1, account_id="bob", reference=story.job()),
            command,
            debit(31, reference=story.job()),
            asked.Refund(entry_id=charge.id, reason="failed", credits=5, actor=STUDIO),
            debit(35, reference=story.job()),
            hold(1, reference=story.job()),
        ],
        story.now,
    )
    refused(outcomes[3], LimitReachedError, used=70)
    done(outcomes[5])
    refused(outcomes[6], LimitReachedError, used=100)
    assert broken_laws(story.ledger.tables) == []


def test_a_preview_tells_a_cap_that_would_be_hit(story: Story) -> None:
    done(story.cap("credits_per_day", 100))
    done(story.debit(60))
    told = story.ledger.preview(debit(41, reference=story.job()), story.now)
    refused(told, LimitReachedError, used=60, requested=101)
    done(story.ledger.preview(debit(40, reference=story.job()), story.now))


def test_a_debit_that_a_cap_refused_may_be_asked_again_under_its_key(story: Story) -> None:
    done(story.cap("credits_per_day", 10))
    again = debit(11, reference=story.job(), request=key("k1"))
    refusal = refused(story.ask(again), LimitReachedError)
    assert refusal.refusal_id in story.ledger.tables.refusals
    done(story.cap("credits_per_day", 11))
    assert not done(story.ask(again)).replayed
    assert done(story.ask(again)).replayed


def test_an_account_without_caps_reads_nothing_more(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.open("club", account_id="bob")
    seen: list[int] = []

    def reading(connection: sa.Connection, wanted: list[tuple[Statement, Any]]) -> Any:
        seen.append(sum(statement is queries.SPENT for statement, _ in wanted))
        return read_all(connection, wanted)

    monkeypatch.setattr(loading, "read_all", reading)
    done(story.debit(1))
    assert seen == [0]
    done(story.debit(1, account_id="bob"))
    assert seen == [0, 0, 1]
    batch = [debit(1, account_id=name, reference=story.job()) for name in ("ada", "bob") * 8]
    story.ledger.post(batch, story.now)
    assert seen == [0, 0, 1, 0, 1]


def test_the_audit_sees_caps_that_no_revision_set(story: Story, database: Database) -> None:
    done(story.cap("credits_per_day", 10))
    with database.reading() as connection:
        assert ledger.audit(connection, now=story.now).differences == ()
    with pytest.raises(sa.exc.DBAPIError), database.writing() as connection:
        connection.execute(sa.text("UPDATE accounts SET caps = NULL"))
