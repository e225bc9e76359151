"""The plans page: what the tariff in force says, and an estimate by the function that charges."""

from dataclasses import replace

import pytest

from portal import pricing
from portal.web import plans
from tests.web.desk import DAY, NOW, Desk, Shape, Visitor, words

TARIFF = pricing.shipped_tariff()
DAILY = pricing.SpendCap("credits_per_day", None, 500)
CLONES = pricing.SpendCap("credits_per_period", "clone", 9)


def estimate(**wishes: str) -> plans.Estimate:
    return plans.estimate_of(TARIFF, {name.replace("__", "."): w for name, w in wishes.items()})


def test_the_page_says_what_the_tariff_says(ada: Visitor) -> None:
    text = words(ada.get("/plans").text)
    for tier in TARIFF.tiers.values():
        assert tier.title in text
        assert f"{tier.allocation:,}" in text
    for operation in TARIFF.operations.values():
        assert operation.title in text
        assert pricing.rate(operation.price, operation.unit) in text
    assert "lapse at the period's end" in text
    assert "up to 50,000 carry over" in text
    assert "25 % carries over" in text
    assert "Price list 2026-01" in text


def test_the_last_days_say_which_plan_they_fit(desk: Desk, ada: Visitor, olga: Visitor) -> None:
    assert "Your last 30 days" not in words(ada.get("/plans").text)
    desk.done(desk.debit("acme", 1204))
    said = words(ada.get("/plans").text)
    assert "Your last 30 days came to 1,204 credits, which Starter covers with 28,796 left" in said
    assert "Your last 30 days" not in words(olga.get("/plans").text)


@pytest.mark.parametrize(("ago", "counts"), [(29, True), (30, False)])
def test_thirty_days_are_today_and_those_before(desk: Desk, ago: int, counts: bool) -> None:
    desk.account("crab", tier="scale", anchor_at=NOW - 40 * DAY)
    desk.person("cleo@crab.example", "crab")
    desk.done(desk.debit("crab", 200_000), NOW - ago * DAY)
    said = words(desk.signed_in("cleo@crab.example").get("/plans").text)
    assert ("Your last 30 days came to 200,000 credits, which Scale covers" in said) == counts


def test_more_than_any_plan_allocates_is_said(desk: Desk) -> None:
    desk.account("crab", tier="scale")
    desk.person("cleo@crab.example", "crab")
    for quantity in (200_000, 200_000, 110_000):
        desk.done(desk.debit("crab", quantity))
    said = words(desk.signed_in("cleo@crab.example").get("/plans").text)
    assert "came to 510,000 credits, more than any plan allocates in a month." in said


def test_ones_own_plan_is_marked_in_words(ada: Visitor, bob: Visitor) -> None:
    assert "Pro your plan Scale" in words(ada.get("/plans").text)
    assert "Free your plan Starter" in words(bob.get("/plans").text)
    assert ada.get("/plans").text.count('aria-current="true"') == 1


def test_an_admin_without_an_account_has_no_plan(olga: Visitor) -> None:
    assert "your plan" not in olga.get("/plans").text


def test_a_month_is_priced_job_by_job_and_rounded_once_a_job() -> None:
    found = estimate(generate__fast="1205", generate__fast__jobs="10", clone="1")
    assert [(cost.each, cost.whole) for cost in found.costs] == [
        (500, 500), (0, 0), (0, 0), (603, 6030)
    ]  # fmt: skip
    assert found.total == 6530
    assert found.tier is not None
    assert found.tier.name == "starter"


@pytest.mark.parametrize(
    ("wishes", "tier"),
    [
        ({"generate": "1000"}, "free"),
        ({"generate": "1001"}, "starter"),
        ({"generate": "10001"}, "pro"),
        ({"generate": "1000", "generate__jobs": "100"}, "pro"),
        ({"generate": "1000", "generate__jobs": "101"}, "scale"),
        ({"generate": "1000", "generate__jobs": "501"}, None),
        ({"generate": "200001"}, None),
        ({}, "free"),
    ],
)
def test_the_smallest_plan_covers_the_month_and_its_largest_job(
    wishes: dict[str, str], tier: str | None
) -> None:
    found = estimate(**wishes).tier
    assert (found.name if found else None) == tier


@pytest.mark.parametrize(
    "wrong", ["0", "-5", "1.5", "1e3", "many", "١٢", "10000000000001", "9" * 400, "½"]
)
def test_what_is_no_quantity_is_told_and_costs_nothing(wrong: str) -> None:
    found = estimate(generate=wrong)
    assert found.costs[2].fault
    assert (found.total, found.asked) == (0, True)
    assert estimate(generate="5", generate__jobs=wrong).costs[2].fault or wrong == "0"


def test_numbers_may_be_written_as_people_write_them() -> None:
    assert estimate(generate=" 1,204 ", generate__jobs="1 000").total == 1_204_000


def test_the_estimate_comes_as_a_part_and_is_read_out(ada: Visitor) -> None:
    text = ada.part("/plans?generate=1204&generate.jobs=30", "div#estimate").text
    assert text.lstrip().startswith('<div id="estimate">')
    assert "Together 36,120" in words(text)
    assert "Pro , with 100,000 credits a month, 63,880 left over." in words(text)
    assert "36,120 credits a month, covered by Pro" in text
    over = ada.part("/plans?clone=2000", "div#estimate").text
    assert "more than any plan allocates" in over
    assert "No plan covers that" in over


def test_what_was_filled_in_stays_and_faults_are_marked(ada: Visitor) -> None:
    text = ada.get("/plans?generate=%3Cb%3E&clone=2").text
    assert 'value="&lt;b&gt;"' in text
    assert text.count('aria-invalid="true"') == 1
    assert "Whole numbers only, please." in text


@pytest.mark.parametrize(
    ("asked", "odd"),
    [
        ("generate=1204&generate.jobs=x", "generate.jobs"),
        ("generate=x&generate.jobs=3", "generate"),
        ("generate=0", "generate"),
    ],
)
def test_a_line_that_cannot_be_read_marks_its_field_and_leaves_no_sum(
    ada: Visitor, asked: str, odd: str
) -> None:
    text = ada.get(f"/plans?{asked}&clone=2").text
    marked = [tag["name"] for _, tag in Shape(text).tags if tag.get("aria-invalid")]
    assert marked == [odd]
    assert "Together" not in text
    assert "covers it" not in text
    assert "One line cannot be read: nothing is added up." in text


@pytest.mark.parametrize(
    ("rule", "said", "life"),
    [
        (pricing.Rollover("none"), "lapse at the period's end", "–"),
        (pricing.Rollover("full", 0, 2), "all carry over", "2 periods more"),
        (pricing.Rollover("cap", 5000), "up to 5,000 carry over", "1 period more"),
        (pricing.Rollover("percent", 25), "25 % carries over", "1 period more"),
        (pricing.Rollover("multiple", 1), "up to one allocation carries over", "1 period more"),
        (pricing.Rollover("multiple", 3), "up to 3 allocations carry over", "1 period more"),
    ],
)
def test_every_rollover_rule_is_worded(rule: pricing.Rollover, said: str, life: str) -> None:
    assert plans.rollover(rule) == said
    assert plans.life(rule) == life


def test_a_cap_or_its_absence_is_worded() -> None:
    assert (plans.limit(None), plans.limit(1000)) == ("no limit", "1,000")


def test_caps_on_spending_are_compared_where_a_plan_has_one() -> None:
    assert all(not title.startswith(("Cap", "Stop")) for title, _ in plans.features(TARIFF))
    free = replace(TARIFF.tiers["free"], caps=pricing.Caps(spend=(DAILY, CLONES)))
    capped = replace(TARIFF, tiers={"free": free, "pro": TARIFF.tiers["pro"]})
    [(_, cells)] = [each for each in plans.features(capped) if each[0].startswith("Cap")]
    assert [said for _, said in cells] == ["500", "no limit"]
