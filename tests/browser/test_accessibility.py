"""Nobody is shut out: no WCAG 2.2 AA violation on any page, in either theme, at either width."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.scene import ADA, BOB, FAY, OLGA, Scene, Watch, assert_quiet, sign_in

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# What depends on colours and sizes is looked at in every look, the rest once.
LOOK_RULES = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")
LOOKS: list[tuple[Literal["light", "dark"], int]] = [
    ("light", 1280),
    ("light", 390),
    ("dark", 390),
    ("dark", 1280),
]
RUN = """async ([type, values]) => (await axe.run(document, {runOnly: {type, values}}))
  .violations.map(found => `${found.id}: ${found.nodes.map(node => node.html).join(' | ')}`)"""

# How many entries there are, and where from the left each line of what they say begins, in px.
BEGINS = """() => {
  const all = [...document.querySelectorAll(".entries .what")], begins = new Set();
  for (const what of all) {
    const lines = [...what.querySelector("a").getClientRects()];
    const more = what.querySelector(".sub")?.getBoundingClientRect();
    if (more && more.top >= lines.at(-1).bottom - 4) lines.push(more);
    for (const line of lines) begins.add(Math.round(line.left));
  }
  return [all.length, [...begins]];
}"""

# The first column's head of every list of entries, and whether it can be seen.
HEADS = """() => [...document.querySelectorAll(".entries")].map(table => {
  const head = table.querySelector("th");
  head.scrollIntoView({block: "center"});
  const {left, top, height} = head.getBoundingClientRect();
  return [head.innerText, document.elementFromPoint(left + 4, top + height / 2) === head];
})"""

# On how many lines each share of the breakdown stands.
LINES = """() => [...document.querySelectorAll("#breakdown td.share")].map(cell => {
  const words = document.createRange();
  words.selectNodeContents(cell.lastChild);
  return new Set([...words.getClientRects()].map(line => Math.round(line.top))).size;
})"""


@pytest.fixture
def page(browser: Browser, scene: Scene) -> Iterator[Page]:
    """A page that may say aloud that /nowhere is nowhere, and that /login refused."""
    # Colours do not fade from one theme into the other while they are measured.
    opened = browser.new_context(reduced_motion="reduce")
    opened.set_default_timeout(10_000)
    page = opened.new_page()
    watch = Watch(page, expected=("/nowhere", "/login"))
    yield page
    assert_quiet(scene, watch)
    opened.close()


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds on the page as it is now, in all four looks."""
    page.evaluate(axe)
    found = []
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        first = (scheme, width) == LOOKS[0]
        rules = ["tag", TAGS] if first else ["rule", LOOK_RULES]
        faults: Any = page.evaluate(RUN, rules)
        found += [f"{page.url} {scheme} {width}: {fault}" for fault in faults]
    return found


def paths(scene: Scene) -> dict[str, list[str]]:
    """Every page by who sees it."""
    entries = [f"/ledger/{scene.ids[name]}" for name in (
        "debit", "refund", "capture", "open hold", "acme grant", "acme refused"
    )]  # fmt: skip
    return {
        ADA: ["/usage", "/ledger", "/ledger?type=refusal&from=2020-01-01", "/ledger?reference=none",
              "/ledger?from=2020-03-02&to=2020-03-01",
              "/nowhere", *entries, "/plans?generate=1204&generate.jobs=30&clone=x"],
        BOB: ["/usage", f"/ledger/{scene.ids['bolt refused']}"],
        FAY: ["/usage", "/ledger"],
        OLGA: ["/admin"],
    }  # fmt: skip


@pytest.mark.parametrize("email", [ADA, BOB, FAY, OLGA])
def test_no_page_shuts_anybody_out(page: Page, scene: Scene, axe: str, email: str) -> None:
    page.goto(f"{scene.url}/login")
    found = violations(page, axe) if email == OLGA else []
    sign_in(page, scene, email)
    for path in paths(scene)[email]:
        answer = page.goto(scene.url + path)
        assert answer is not None
        assert answer.status == (404 if path == "/nowhere" else 200), path
        found += violations(page, axe)
    assert found == []


def test_parts_that_come_in_later_shut_nobody_out(page: Page, scene: Scene, axe: str) -> None:
    sign_in(page, scene)
    found: list[str] = []
    page.get_by_text("Show the days as a table").click()
    page.get_by_label("Show", exact=True).select_option("30d")
    expect(page.locator("#live")).to_contain_text("Report updated")
    found += violations(page, axe)
    page.goto(f"{scene.url}/ledger")
    page.get_by_role("link", name="Older entries").click()
    expect(page.get_by_text("No older entries.")).to_be_visible()
    found += violations(page, axe)
    page.get_by_label("Type").select_option("charge")
    expect(page.locator("#live")).to_contain_text("71 entries")
    found += violations(page, axe)
    page.goto(f"{scene.url}/plans")
    page.get_by_label("Generate speech: characters in one job").fill("1204")
    expect(page.locator("#estimate tfoot")).to_be_visible()
    found += violations(page, axe)
    assert found == []


def test_a_failed_sign_in_is_told_and_focused(page: Page, scene: Scene, axe: str) -> None:
    page.goto(f"{scene.url}/login")
    page.get_by_label("Email").fill("nobody@acme.example")
    page.get_by_label("Password").fill("a wrong password")
    with page.expect_response("**/login") as answered:
        page.get_by_role("button", name="Sign in").click()
    assert answered.value.status == 422
    page.wait_for_load_state()
    expect(page.locator("#problem")).to_be_focused()
    assert violations(page, axe) == []


@pytest.mark.parametrize("width", [320, 390, 640, 1280])
def test_nothing_runs_off_the_side(browser: Browser, scene: Scene, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    sign_in(page, scene)
    for path in paths(scene)[ADA]:
        page.goto(scene.url + path)
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert excess <= 0, (path, width, excess)
    context.close()


@pytest.mark.parametrize("width", [320, 390, 900, 1280])
def test_what_an_entry_says_is_in_line_however_it_wraps(
    browser: Browser, scene: Scene, width: int
) -> None:
    """Lines of a title, and of what wraps behind it, begin under its first letter."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    sign_in(page, scene)
    page.goto(f"{scene.url}/ledger")
    kinds, begins = page.evaluate(BEGINS)
    assert kinds > 50
    assert len(begins) == 1, begins
    context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_lists_of_times_name_their_zone_however_narrow(
    browser: Browser, scene: Scene, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    sign_in(page, scene)
    for path in ("/usage", "/ledger", "/ledger?type=refusal"):
        page.goto(scene.url + path)
        assert page.evaluate(HEADS) == [["When, UTC", True]], path
    for path in ("/usage", f"/ledger/{scene.ids['debit']}"):
        page.goto(scene.url + path)
        labels = page.locator("td[data-label^=Lapses]").evaluate_all(
            "cells => cells.map(cell => cell.dataset.label)"
        )
        assert set(labels) == {"Lapses, UTC"}, path
    context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_share_stands_on_one_line(browser: Browser, scene: Scene, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    sign_in(page, scene)
    page.goto(f"{scene.url}/usage?period=30d")
    assert page.evaluate(LINES) == [1, 1, 1, 1]
    context.close()


def test_a_keyboard_reaches_the_content_first(browser: Browser, scene: Scene) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, scene)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="1 running job")).to_be_focused()
    context.close()
