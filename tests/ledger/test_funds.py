"""What a spending command needs: a price, funds, a status; and what a refusal says would help."""

import pytest

from portal import pricing
from portal.ledger.errors import (
    AccountSuspendedError,
    InsufficientCreditsError,
    LimitReachedError,
    ScopeDeniedError,
)
from portal.ledger.funds import own, said
from portal.ledger.model import DAY, Actor
from tests.ledger.stories import (
    HOUR,
    OTHER,
    STUDIO,
    Story,
    at,
    debit,
    done,
    entry_of,
    key,
    refused,
)

REFERENCE = Story().job()


def test_an_entry_says_who_asked_and_under_which_key() -> None:
    command = debit(1, reference=REFERENCE, request=key("k1"), labels='{"a":"b"}', metadata="{}")
    about = said(command, "usage", operation="speak")
    assert (about.reason, about.operation) == ("usage", "speak")
    assert (about.actor_kind, about.actor, about.key_id) == STUDIO
    assert (about.idempotency_key, about.labels, about.metadata) == ("k1", '{"a":"b"}', "{}")
    assert said(debit(1, reference=REFERENCE), "usage").idempotency_key is None


@pytest.mark.parametrize(
    ("actor", "mine"),
    [(STUDIO, True), (OTHER, False), (Actor("admin", "olga"), True), (Actor("system", "x"), True)],
)
def test_a_service_reaches_for_its_own_alone(actor: Actor, mine: bool) -> None:
    command = debit(1, reference=REFERENCE, actor=actor)
    if mine:
        own(command, "hld_1", "studio")
        return
    with pytest.raises(ScopeDeniedError) as caught:
        own(command, "hld_1", "studio")
    assert caught.value.numbers() == {"subject": "hld_1", "owner": "studio"}


def test_a_refusal_for_funds_says_what_is_there_and_what_is_missing() -> None:
    story = Story()
    story.open("free")
    story.grant(40, "promotion", operations=("clone",))
    story.place(30)
    refused(
        story.debit(71),
        InsufficientCreditsError,
        required=71,
        available=110,
        held=30,
        spendable=70,
        shortfall=1,
        next_allocation_at=story.account.period_end,
        next_allocation=100,
        remedies=(
            "open_holds",
            "next_allocation",
            "purchase",
            "tier:basic",
            "tier:scale",
            "tier:plus",
            "tier:pro",
        ),
    )


@pytest.mark.parametrize(
    ("held", "required", "remedies"),
    [
        (0, 200, ("next_allocation", "purchase")),
        (0, 201, ("purchase",)),
        (1, 100, ("open_holds", "next_allocation", "purchase")),
        (50, 150, ("next_allocation", "purchase")),
        (60, 100, ("open_holds", "next_allocation", "purchase")),
    ],
)
def test_only_what_would_let_it_pass_is_named(
    held: int, required: int, remedies: tuple[str, ...]
) -> None:
    story = Story()
    story.open("free")
    if held:
        story.place(held)
    outcome = refused(story.hold(required), InsufficientCreditsError)
    assert isinstance(outcome.error, InsufficientCreditsError)
    named = tuple(each for each in outcome.error.remedies if not each.startswith("tier:"))
    assert named == remedies


def test_who_has_cancelled_is_told_of_no_allocation_to_come() -> None:
    story = Story()
    story.open("pro")
    story.open("quit")
    refused(
        story.debit(2_001),
        InsufficientCreditsError,
        next_allocation_at=None,
        next_allocation=0,
        remedies=("purchase",),
    )


def test_who_goes_down_is_told_of_the_smaller_allocation() -> None:
    story = Story()
    story.open("pro")
    story.open("free")
    refused(story.debit(2_001), InsufficientCreditsError, next_allocation=100)


def test_the_largest_plan_names_no_larger_one() -> None:
    story = Story()
    story.open("pro")
    refused(story.debit(4_001), InsufficientCreditsError, remedies=("purchase",))
    refused(story.debit(4_000), InsufficientCreditsError, remedies=("next_allocation", "purchase"))


def test_a_cap_says_how_much_and_until_when() -> None:
    story = Story()
    story.open("free")
    refused(
        story.debit(1_001),
        LimitReachedError,
        limit="units_per_job",
        maximum=1_000,
        requested=1_001,
        available=100,
        held=0,
        until=None,
    )
    refused(story.debit(1_000), InsufficientCreditsError)


def test_caps_are_those_of_the_price_list_in_force_now() -> None:
    story = Story()
    story.open("free")
    story.open("plus")
    done(story.debit(1_001 - 1))
    story.grant(5_000)
    done(story.debit(1_001))


def test_a_quote_is_honoured_by_the_price_list_it_names() -> None:
    story = Story()
    story.open("plus")
    story.now = at("2026-03-16")
    assert entry_of(story.debit(10)).amount == -20
    quoted = entry_of(story.debit(10, tariff="first"))
    assert (quoted.amount, quoted.tariff) == (-10, "first")
    hold = story.place(10, tariff="first")
    assert entry_of(story.extend(hold, quantity=12)).hold_amount == 2
    refused(story.debit(10, tariff="third"), pricing.UnknownTariffError)


@pytest.mark.parametrize("quantity", [0, -1, 10**12 + 1])
def test_a_quantity_that_cannot_be_priced_is_refused(quantity: int) -> None:
    story = Story()
    story.open("pro")
    refused(story.debit(quantity), pricing.QuantityError)
    refused(story.hold(quantity), pricing.QuantityError)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_status_comes_before_everything_but_the_price(status: str) -> None:
    story = Story()
    story.open("free")
    story.status(status)
    refused(story.debit(10**6), AccountSuspendedError, account="ada", status=status)
    refused(story.debit(1, "sing"), pricing.UnknownOperationError)


def test_usage_may_be_told_thirty_five_days_late_and_no_later() -> None:
    story = Story()
    story.now = at("2026-02-20")
    story.open("pro")
    done(story.debit(1, occurred_at=story.now - 35 * DAY))
    entry = entry_of(story.hold(1, occurred_at=story.now - HOUR))
    assert (entry.occurred_at, entry.recorded_at) == (story.now - HOUR, story.now)
    assert entry.expires_at == story.now + 15 * 60_000_000
