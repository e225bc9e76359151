"""Why an entry or a refusal is there, in sentences."""

import json
from zoneinfo import ZoneInfo

import pytest

from portal import ledger, pricing
from portal.web import reasons
from tests.web.desk import NOW, SECOND
from tests.web.samples import entry, refusal

TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])
UTC = ZoneInfo("UTC")


def test_every_kind_has_its_question() -> None:
    assert set(reasons.QUESTIONS) == set(ledger.KINDS)
    assert reasons.question(entry()) == "Why was this charged?"


def test_every_reason_of_a_refund_or_release_is_explained() -> None:
    for kind, known in (("refund", pricing.REFUND_REASONS), ("release", pricing.RELEASE_REASONS)):
        for reason in known:
            assert (kind, reason) in reasons.BECAUSE


def test_what_has_no_sentence_is_said_plainly() -> None:
    assert reasons.because(entry(kind="grant", reason="birthday_gift")) == "Birthday gift"
    correction = reasons.because(entry(kind="adjustment", reason="chargeback"))
    assert correction == "An admin corrected the account (chargeback)."


@pytest.mark.parametrize(
    ("known", "title"),
    [
        ({"kind": "hold", "amount": 0, "hold_amount": 5}, "Grants the credits are held from"),
        ({"kind": "capture", "amount": -5, "hold_amount": -9}, "Grants that paid"),
        ({"kind": "capture", "amount": 0, "hold_amount": -9}, "Grants the credits returned to"),
        ({"kind": "release", "amount": 0, "hold_amount": -9}, "Grants the credits returned to"),
        ({"kind": "expiry", "amount": -9}, "Grants the credits were of"),
        ({"kind": "refund", "amount": 9}, "Grants the credits went to"),
    ],
)
def test_the_table_of_draws_says_which_way_they_went(known: dict[str, int], title: str) -> None:
    assert reasons.funding_title(entry(**known)) == title


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"kind": "hold", "reason": "placed", "hold_amount": 1}, "1 credit held"),
        ({"kind": "hold", "reason": "extended", "hold_amount": 0}, "held longer"),
        ({"kind": "hold", "reason": "extended", "hold_amount": 7}, "7 credits more held"),
        ({"kind": "release", "hold_amount": -9}, "9 credits returned"),
        ({"kind": "capture", "amount": -9, "hold_amount": -9}, "9 credits charged"),
        ({"kind": "capture", "amount": -4, "hold_amount": -9}, "4 credits charged, 5 returned"),
        ({"kind": "debit", "amount": -4}, "4 credits charged"),
    ],
)
def test_a_step_of_a_hold_says_its_credits(known: dict[str, int], said: str) -> None:
    assert reasons.step(entry(**known)) == said


def test_an_open_hold_says_when_it_comes_back() -> None:
    placed = entry(kind="hold", expires_at=NOW + 600 * SECOND)
    assert reasons.still_open([placed], NOW) == (
        "Not charged yet. The credits come back by themselves in 10 minutes."
    )
    assert reasons.still_open([placed], NOW + 600 * SECOND) == (
        "The hold has run out; its credits are available again."
    )
    assert reasons.still_open([placed, entry(resolution="captured")], NOW) is None


def test_who_asked_is_named() -> None:
    assert reasons.asked_by(entry()) == "service studio"
    assert reasons.asked_by(entry(actor_kind="system", actor="ledger")).startswith("the ledger")


def test_too_few_credits_are_told_in_numbers() -> None:
    told = refusal(details=json.dumps({"spendable": 250, "shortfall": 954}))
    assert reasons.refusal_sentence(told, TARIFFS) == (
        "Generate speech needed 1,204 credits, and 250 could be spent on it: 954 short."
    )
    assert "300 could be spent on it: 904 short" in reasons.refusal_sentence(refusal(), TARIFFS)


def test_a_limit_is_told_in_numbers_with_what_would_help() -> None:
    details = json.dumps({"limit": "units_per_job", "maximum": 50_000, "requested": 60_000})
    told = refusal(code="limit_reached", required=None, details=details)
    assert reasons.refusal_sentence(told, TARIFFS) == (
        "Your plan allows 50,000 units in one job, and this would have made it 60,000."
    )
    assert reasons.remedies(told, TARIFFS, UTC) == reasons.LIMIT_REMEDIES["units_per_job"]
    strange = refusal(code="limit_reached", details='{"limit":"moons","maximum":"few"}')
    assert "few moons" in reasons.refusal_sentence(strange, TARIFFS)
    assert reasons.remedies(strange, TARIFFS, UTC) == ()


def test_a_cap_on_spending_is_told_with_what_was_used_and_until_when() -> None:
    numbers = {"limit": "credits_per_day", "maximum": 500, "requested": 510, "used": 490}
    details = json.dumps({**numbers, "operation": None, "until": NOW})
    told = refusal(code="limit_reached", required=None, details=details)
    assert reasons.refusal_sentence(told, TARIFFS) == (
        "Cap for the day is 500 credits; 490 were spent or held, and this would have made it 510."
    )
    waiting, higher = reasons.remedies(told, TARIFFS, UTC)
    assert waiting.startswith("waiting until 22 Nov 2026")
    details = json.dumps({**numbers, "operation": "generate", "until": None})
    late = refusal(code="limit_reached", required=None, details=details)
    assert reasons.refusal_sentence(late, TARIFFS).startswith("Cap for the day, Generate speech is")
    assert reasons.remedies(late, TARIFFS, UTC) == (higher,)


def test_another_refusal_says_its_rule() -> None:
    told = refusal(code="account_frozen", required=None)
    assert reasons.refusal_sentence(told, TARIFFS) == "The account is frozen."


def test_what_would_have_let_it_pass_is_listed() -> None:
    details = {
        "remedies": ["open_holds", "next_allocation", "purchase", "tier:pro", "tier:gone"],
        "next_allocation_at": NOW,
    }
    assert reasons.remedies(refusal(details=json.dumps(details)), TARIFFS, UTC) == (
        "waiting until the running jobs end: what they do not use comes back",
        "buying credits",
        "waiting for the next allocation on 22 Nov 2026 13:52 UTC",
        "a larger plan: Pro, gone",
    )
    assert reasons.remedies(refusal(details='{"remedies":"none"}'), TARIFFS, UTC) == ()
