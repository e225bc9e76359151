"""What entries, grants and refusals are called: nothing the ledger can say is left unnamed."""

import pytest

from portal import ledger, pricing
from portal.web import wording
from tests.web.samples import entry, grant, refusal

TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("debit", "usage", "Generate speech"),
        ("debit", "late_capture", "Generate speech: charged after the hold ran out"),
        ("hold", "placed", "Generate speech: held"),
        ("hold", "extended", "Generate speech: held longer"),
        ("capture", "completed", "Generate speech"),
        ("capture", "partial", "Generate speech: part delivered"),
        ("release", "failed", "Generate speech: job failed, credits returned"),
        ("release", "expired", "Generate speech: hold ran out, credits returned"),
        ("refund", "wrong_charge", "Generate speech: charged by mistake, refunded"),
        ("grant", "allocation", "Monthly allocation"),
        ("grant", "upgrade", "Allocation added by the upgrade"),
        ("expiry", "period_end", "Unused allocation lapsed at the period's end"),
        ("adjustment", "correction", "Adjustment: correction"),
        ("adjustment", "merge", "Small grants merged into one"),
    ],
)
def test_an_entry_is_a_sentence(kind: str, reason: str, said: str) -> None:
    assert wording.what(entry(kind=kind, reason=reason), TARIFFS) == said


def test_every_reason_a_refund_or_release_can_have_is_worded() -> None:
    for reason in pricing.REFUND_REASONS:
        assert ("refund", reason) in wording.PHRASES
    for reason in (*pricing.RELEASE_REASONS, "expired"):
        assert ("release", reason) in wording.PHRASES


def test_every_kind_has_a_word_and_a_sign() -> None:
    assert set(wording.KINDS) == {*ledger.KINDS, "refusal"}
    assert all(kind.word and kind.path for kind in wording.KINDS.values())


def test_an_unknown_word_is_said_plainly_rather_than_not_at_all() -> None:
    assert wording.what(entry(kind="grant", reason="birthday_gift"), TARIFFS) == "Birthday gift"
    assert wording.origin(grant(origin="birthday_gift")) == "Birthday gift"
    assert wording.refusal_reason(refusal(code="some_new_rule")) == "Some new rule"


def test_an_operation_no_tariff_knows_keeps_its_name() -> None:
    gone = entry(operation="dub.video", tariff="1999-01", quantity=3)
    assert wording.what(gone, TARIFFS) == "Dub video"
    assert wording.quantity(gone, TARIFFS) == "3"


def test_a_quantity_has_its_unit() -> None:
    assert wording.quantity(entry(quantity=1204), TARIFFS) == "1,204 characters"
    assert wording.quantity(entry(operation="clone", quantity=1), TARIFFS) == "1 voice"
    assert wording.quantity(entry(operation=None, quantity=None), TARIFFS) == ""
    assert wording.quantity(refusal(quantity=2), TARIFFS) == "2 characters"


def test_the_tariff_that_priced_an_entry_names_its_operation() -> None:
    old = pricing.parse_tariff(
        pricing.shipped_tariff()
        .document.replace('name = "2026-01"', 'name = "2025-01"')
        .replace("2026-01-01T", "2025-01-01T")
        .replace('"Generate speech"', '"Make speech"'),
        "old",
    )
    both = pricing.Tariffs([old, *TARIFFS])
    assert wording.what(entry(tariff="2025-01"), both) == "Make speech"
    assert wording.what(entry(tariff="2026-01"), both) == "Generate speech"
    assert wording.operation_title("generate", None, both) == "Generate speech"


def test_what_was_recorded_late_is_belated() -> None:
    assert not wording.is_belated(entry(occurred_at=0, recorded_at=59_999_999))
    assert wording.is_belated(entry(occurred_at=0, recorded_at=60_000_000))


def test_an_attempt_is_named_by_its_operation_or_its_command() -> None:
    assert wording.attempt(refusal(), TARIFFS) == "Generate speech"
    assert wording.attempt(refusal(operation=None, command="grant"), TARIFFS) == "Grant"


def test_what_a_grant_pays_for() -> None:
    assert wording.pays_for(grant(operations=None), TARIFFS) == "everything"
    some = grant(operations="clone,design")
    assert wording.pays_for(some, TARIFFS) == "Clone a voice, Design a voice preview"


def test_details_of_a_refusal_are_an_object_or_nothing() -> None:
    assert wording.refusal_details(refusal(details='{"maximum":5}')) == {"maximum": 5}
    assert wording.refusal_details(refusal(details="[]")) == {}
