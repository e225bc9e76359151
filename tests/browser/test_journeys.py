"""The same journeys with scripts and without: sign in, filter, go on, see a charge appear."""

import csv
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.scene import BOB, CLEO, PASSWORD, Scene, Watch, assert_quiet, sign_in
from tests.databases import DIALECTS

both = pytest.mark.parametrize("scene", DIALECTS, indirect=True)


@pytest.fixture
def page(context: BrowserContext, scene: Scene) -> Iterator[Page]:
    """A page that must not complain, before a portal that must not hear complaints."""
    opened = context.new_page()
    watch = Watch(opened)
    yield opened
    assert_quiet(scene, watch)


@pytest.fixture
def scripts(request: pytest.FixtureRequest) -> bool:
    """Whether this journey goes with scripts."""
    return "scripts on" in request.node.callspec.id


@both
def test_from_signing_in_to_why_and_out_again(
    page: Page, context: BrowserContext, scene: Scene, scripts: bool
) -> None:
    page.goto(f"{scene.url}/ledger?type=refund")
    expect(page).to_have_title("Sign in · Credits")
    sign_in_here(page)
    expect(page).to_have_url(re.compile(r"/ledger\?type=refund$"))
    expect(page.locator("#rows > tr")).to_have_count(1)

    page.get_by_role("link", name="Usage", exact=True).click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    expect(page.locator("#balance")).to_contain_text("1 running job")
    expect(page.locator("svg.chart")).to_be_visible()
    page.get_by_text("Show the days as a table").click()
    expect(page.locator("#days")).to_be_visible()

    page.get_by_role("link", name="All history").click()
    # 50 entries, and a refusal between them
    expect(page.locator("#rows > tr")).to_have_count(51)
    page.get_by_label("Type").select_option("refusal")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"type=refusal"))
    expect(page.locator("#rows > tr")).to_have_count(1)
    page.get_by_role("link", name="Generate speech").click()
    expect(page.get_by_role("heading", name="Why was this refused?")).to_be_visible()

    page.goto(f"{scene.url}/ledger/{scene.ids['capture']}")
    expect(page.get_by_role("heading", name="Why was this charged?")).to_be_visible()
    expect(page.get_by_text("2 voices × 500 credits per voice = 1,000 credits")).to_be_visible()
    expect(page.get_by_text("500 credits charged, 500 returned")).to_be_visible()

    page.get_by_role("link", name="Plans", exact=True).click()
    expect(page.get_by_text("your plan")).to_be_visible()
    copied = context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    context.add_cookies(copied)  # type: ignore[arg-type]
    page.goto(f"{scene.url}/usage")
    expect(page).to_have_title("Sign in · Credits")


def sign_in_here(page: Page) -> None:
    page.get_by_label("Email").fill("ada@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def test_older_entries_come_and_nothing_is_shown_twice(
    page: Page, scene: Scene, scripts: bool
) -> None:
    sign_in(page, scene)
    page.goto(f"{scene.url}/ledger?type=charge")
    first = page.locator("#rows .ref").all_inner_texts()
    page.get_by_role("link", name="Older entries").click()
    if scripts:
        expect(page.locator("#rows > tr")).to_have_count(71)
        expect(page.locator("#more-link")).to_be_focused()
        expect(page.locator("#live")).to_contain_text("21 more entries")
        assert page.url.endswith("type=charge")
        both = page.locator("#rows .ref").all_inner_texts()
    else:
        page.wait_for_url(re.compile("before="))
        both = first + page.locator("#rows .ref").all_inner_texts()
        expect(page.get_by_role("link", name="Newest entries")).to_be_visible()
    expect(page.get_by_text("No older entries.")).to_be_visible()
    assert len(both) == len(set(both)) == 71


def test_filters_combine_and_come_off_one_by_one(page: Page, scene: Scene, scripts: bool) -> None:
    sign_in(page, scene)
    page.goto(f"{scene.url}/ledger")
    page.get_by_label("Type").select_option("charge")
    if scripts:
        expect(page.locator("#live")).to_contain_text("entries")
    page.get_by_label("Operation").select_option("design")
    if scripts:
        expect(page).to_have_url(re.compile("operation=design"))
    page.get_by_label("Reference").fill("job-0002")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("reference=job-0002"))
    expect(page.locator("#rows > tr")).to_have_count(1)
    expect(page.locator("#strip-title")).to_contain_text("1 entry")
    page.get_by_role("link", name="reference job-0002").click()
    expect(page).not_to_have_url(re.compile("reference"))
    expect(page.locator("#rows > tr")).to_have_count(23)
    expect(page.get_by_label("Operation")).to_have_value("design")


def test_dates_the_wrong_way_round_are_told_and_mended(
    page: Page, scene: Scene, scripts: bool
) -> None:
    sign_in(page, scene)
    page.goto(f"{scene.url}/ledger")
    first, last, problem = (
        page.get_by_label("From"),
        page.get_by_label("To"),
        page.locator("#problem"),
    )
    expect(problem).to_be_hidden()
    first.fill("2020-03-02")
    last.fill("2020-03-01")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(problem).to_have_text("From 2 Mar 2020 to 1 Mar 2020: the first day is after the last.")
    for field, typed in ((first, "2020-03-02"), (last, "2020-03-01")):
        expect(field).to_have_value(typed)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("^From 2 Mar 2020 to"))
    last.fill("")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(problem).to_be_hidden()
    expect(first).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#rows > tr")).to_have_count(51)


@both
def test_the_history_is_taken_along_as_a_file(page: Page, scene: Scene, scripts: bool) -> None:
    sign_in(page, scene)
    page.goto(f"{scene.url}/ledger")
    page.get_by_label("Type").select_option("charge")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("type=charge"))
    with page.expect_download() as begun:
        page.get_by_role("link", name="Export CSV").click()
    assert begun.value.suggested_filename == "ledger.csv"
    with begun.value.path().open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file, strict=True))
    assert len(found) == 71
    assert {row["type"] for row in found} == {"debit", "capture"}
    shown = page.locator("#rows .ref").all_inner_texts()
    assert [row["reference"] for row in found][: len(shown)] == shown
    total = f"{sum(int(row['credits']) for row in found):,}".replace("-", "\u2212")
    expect(page.locator("#strip-title")).to_contain_text(f"0 in, {total} out")


@both
def test_a_charge_made_elsewhere_appears(page: Page, scene: Scene, scripts: bool) -> None:
    sign_in(page, scene, CLEO)
    before = page.locator("#balance .figure").inner_text()
    page.get_by_text("Show the days as a table").click()
    entry = scene.debit(1204)
    if not scripts:
        page.reload()
    expect(page.locator("#recent tbody tr").first).to_contain_text(entry["reference"]["id"])
    expect(page.locator("#balance .figure")).not_to_have_text(before)
    available = entry["posted_after"] - entry["held_after"]
    expect(page.locator("#balance .figure")).to_contain_text(f"{available:,}")
    if scripts:
        expect(page.locator("#days")).to_be_visible()  # what was opened stays open
        page.locator("#recent tbody a").first.click()
        expect(page.get_by_role("heading", name="Why was this charged?")).to_be_visible()


def test_another_span_of_the_report(page: Page, scene: Scene, scripts: bool) -> None:
    scene.debit(5)
    sign_in(page, scene, CLEO)
    page.get_by_label("Show", exact=True).focus()
    page.get_by_label("Show", exact=True).select_option("7d")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"period=7d$"))
    expect(page.locator("#chart .column")).to_have_count(7)
    if scripts:
        expect(page.locator("#live")).to_contain_text("Report updated")
        expect(page.locator("#period")).to_be_focused()
        scene.debit(7)
        expect(page.locator("#recent tbody tr").first).to_contain_text("7 characters")
        expect(page.locator("#chart .column")).to_have_count(7)
        page.go_back()
        expect(page.get_by_label("Show", exact=True)).to_have_value("cycle")


def test_a_month_is_estimated(page: Page, scene: Scene, scripts: bool) -> None:
    sign_in(page, scene, BOB)
    page.goto(f"{scene.url}/plans")
    page.get_by_label("Generate speech: characters in one job").fill("1204")
    page.get_by_label("Generate speech: jobs a month").fill("30")
    if not scripts:
        page.get_by_role("button", name="Count it").click()
    expect(page.locator("#estimate tfoot")).to_contain_text("36,120")
    expect(page.locator("#estimate")).to_contain_text("The smallest plan that covers it: Pro")
    if scripts:
        expect(page.get_by_label("Generate speech: jobs a month")).to_be_focused()


def test_an_account_without_credits_says_what_is_blocked(page: Page, scene: Scene) -> None:
    sign_in(page, scene, BOB)
    expect(page.get_by_text("No credits are available, so new jobs are refused.")).to_be_visible()
