"""The studio's life holds all that it was made to show, whenever it is told."""

from portal import ledger
from portal.cli.demo.cast import ADMIN, SECOND_ADMIN
from portal.cli.demo.northwind import ACCOUNT
from portal.cli.demo.stage import HOUR, Scene
from tests.cli.demo.conftest import NOW, Filled, Tell


def entries_of(filled: Filled) -> list[ledger.Entry]:
    with filled.database.reading() as connection:
        page = ledger.page(connection, ACCOUNT, ledger.Filter(), limit=5_000)
    return list(reversed(page.entries))


def test_every_reason_of_a_busy_account_is_there(filled: Filled) -> None:
    found = {(entry.kind, entry.reason) for entry in entries_of(filled)}
    assert found >= {
        ("grant", "allocation"), ("grant", "purchase"), ("grant", "rollover"),
        ("debit", "usage"), ("debit", "late_capture"),
        ("hold", "placed"), ("hold", "extended"),
        ("capture", "completed"), ("capture", "partial"),
        ("release", "failed"), ("release", "timed_out"), ("release", "cancelled"),
        ("release", "moderated"), ("release", "expired"),
        ("expiry", "rolled_over"),
        ("refund", "failed"), ("refund", "partial"), ("refund", "wrong_charge"),
        ("adjustment", "compensation"), ("adjustment", "correction"),
    }  # fmt: skip


def test_it_went_into_debt_and_a_purchase_and_a_period_brought_it_back(filled: Filled) -> None:
    entries = entries_of(filled)
    lowest = min(entries, key=lambda entry: entry.posted_after)
    assert -50_000 <= lowest.posted_after < -8_000
    assert entries[-1].posted_after > 100_000
    before = entries[0]
    repaid = []
    for entry in entries:
        if entry.kind == "grant" and before.posted_after < 0:
            repaid.append(entry.reason)
        before = entry
    assert repaid != []


def test_two_admins_made_its_adjustments(filled: Filled) -> None:
    made = [entry for entry in entries_of(filled) if entry.kind == "adjustment"]
    assert [(entry.actor, entry.approved_by) for entry in made] == [(ADMIN, SECOND_ADMIN)] * 2
    assert all(entry.note and entry.reference_type == "ticket" for entry in made)


def test_one_long_render_is_at_work(filled: Filled) -> None:
    with filled.database.reading() as connection:
        [hold] = ledger.open_holds(connection, ACCOUNT)
    assert (hold.amount, hold.captured) == (42_000, 0)
    assert hold.expires_at > NOW + 11 * HOUR


def test_work_was_late_to_be_told(filled: Filled) -> None:
    late = [e for e in entries_of(filled) if e.kind == "debit" and e.occurred_at != e.recorded_at]
    assert all(entry.recorded_at - entry.occurred_at < 35 * 24 * HOUR for entry in late)
    assert late != []


def test_a_few_days_are_a_story_too(tell: Tell) -> None:
    entries = tell(Scene(NOW, 3)).entries(ACCOUNT)
    assert entries[0].reason == "allocation"
    assert 10 < len(entries) < 200
