"""The note says what the entries say; stories read it from real ones, here are the rarer ones."""

from typing import Any

import pytest

from portal.client import Entry, Hold
from portal.client.answers import read
from portal.studio.notes import billing_note, clock, signed
from tests.client.portals import ENTRY, HOLD

AT = 1_795_355_520_000_000
OPEN = read(Hold, HOLD)


def entry(kind: str, reason: str | None, amount: int, hold_amount: int, **more: Any) -> Entry:
    changed = {"kind": kind, "reason": reason, "amount": amount, "hold_amount": hold_amount}
    return read(Entry, ENTRY | changed | more)


PLACED = entry("hold", "placed", 0, 100)
RELEASED = entry("release", "expired", 0, -100)


def test_an_open_hold_says_until_when() -> None:
    assert billing_note([PLACED], OPEN) == (
        "Set aside: 100 credits. Not charged yet: they stay set aside until 14:07:00 UTC."
    )
    assert billing_note([PLACED], None).endswith("Not charged yet: they stay set aside.")


def test_a_hold_that_ran_out_is_back_before_that_is_written() -> None:
    written = billing_note([PLACED, RELEASED], None)
    told = billing_note([PLACED], OPEN._replace(status="expired"))
    assert "Back at 14:07:00 UTC: 100 credits, as the time of the hold was up." in told
    assert [note.rpartition(". ")[2] for note in (told, written)] == [
        "This job costs 0 credits."
    ] * 2


def test_a_late_capture_is_told_as_late() -> None:
    note = billing_note([PLACED, RELEASED, entry("debit", "late_capture", -100, 0)], None)
    assert note.endswith("Charged: 100 credits, late. This job costs 100 credits.")


def test_one_credit_is_one() -> None:
    held, taken = entry("hold", "placed", 0, 1), entry("capture", "completed", -1, -1)
    assert billing_note([held, taken], None) == (
        "Set aside: 1 credit. Charged: 1 credit. This job costs 1 credit."
    )


def test_a_reason_without_words_is_told_as_it_is() -> None:
    note = billing_note([PLACED, entry("release", "withdrawn", 0, -100)], None)
    assert "100 credits, as withdrawn." in note


def test_more_that_was_set_aside_is_told() -> None:
    more = entry("hold", "extended", 0, 20)
    note = billing_note([PLACED, more, entry("capture", "completed", -120, -120)], None)
    assert note == (
        "Set aside: 100 credits. Set aside: 20 credits. Charged: 120 credits. "
        "This job costs 120 credits."
    )
    beat = entry("hold", "extended", 0, 0)
    assert billing_note([PLACED, beat], OPEN) == billing_note([PLACED], OPEN)


@pytest.mark.parametrize(("amount", "text"), [(0, "0"), (1204, "+1,204"), (-5, "\u22125")])
def test_amounts_have_a_sign(amount: int, text: str) -> None:
    assert signed(amount) == text


def test_the_time_of_day() -> None:
    assert clock(AT + 999_999) == "13:52:00 UTC"
