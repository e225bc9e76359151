"""The studio through a browser, with scripts and without: submit, watch, decide, refund."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.scene import Watch
from tests.browser.test_accessibility import violations
from tests.client.portals import STEADY, real
from tests.databases import Databases
from tests.stories.studios import ACCOUNTS, TEXT, Studio, studio_for

FOREIGN = """<form method="post" action="{url}/jobs">
<input name="account" value="{account}"><button>Win a prize</button></form>"""


@contextmanager
def working(databases: Databases, folder: Path, step_ms: int) -> Iterator[Studio]:
    """A studio before a portal, with an account of 1,000 credits; a job takes four steps."""
    with databases.fresh("sqlite") as config, real(config, folder) as portal:
        with portal.credits(patience=STEADY) as credits:
            for account in ACCOUNTS[:2]:
                credits.open_account(account, "Ada", "free")
        named = {"STUDIO_ACCOUNTS": ",".join(ACCOUNTS[:2]), "STUDIO_STEP_MS": str(step_ms)}
        with studio_for(portal, folder, **named) as served:
            served.ask("GET", "/")
            yield served


@pytest.fixture(scope="session")
def studio(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One whose jobs are soon done."""
    with working(databases, tmp_path_factory.mktemp("studio"), 100) as served:
        yield served


@pytest.fixture
def slow_studio(databases: Databases, tmp_path: Path) -> Iterator[Studio]:
    """One whose jobs are under way for as long as a busy machine needs to click."""
    with working(databases, tmp_path, 1_500) as served:
        yield served


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not complain but of what the studio refuses."""
    opened = context.new_page()
    watch = Watch(opened, expected=("/jobs",))
    yield opened
    assert watch.complaints == []


def submit(page: Page, studio: Studio, ending: str) -> None:
    page.goto(f"http://{studio.authority}/")
    page.get_by_label("How it ends").select_option(label=ending)
    page.get_by_label("Text to be spoken").fill(TEXT)
    page.get_by_role("button", name="Submit the job").dblclick()


def test_a_job_is_watched_decided_and_refunded(page: Page, studio: Studio) -> None:
    """The page comes again by itself while work is under way; a double click is one job."""
    submit(page, studio, "Nobody knows how it ended")
    expect(page.locator(".tag")).to_have_text("undecided")
    note = page.locator("#billing-note")
    expect(note).to_contain_text("Not charged yet: they stay set aside until")
    page.get_by_role("button", name="It went well").click()
    expect(note).to_have_text(
        "Set aside: 100 credits. Charged: 100 credits. This job costs 100 credits."
    )
    expect(page.locator("audio")).to_have_count(4)
    page.get_by_role("button", name="refund it").click()
    expect(note).to_contain_text("Refunded: 100 credits. This job costs 0 credits.")
    expect(page.locator("#entries tbody tr")).to_have_count(3)
    page.get_by_role("link", name="All jobs").click()
    balance = page.get_by_role("row", name=ACCOUNTS[0])
    expect(balance.get_by_role("cell").first).to_have_text("1,000")


@pytest.mark.parametrize("context", ["scripts off"], indirect=True)
def test_work_under_way_is_cancelled(page: Page, slow_studio: Studio) -> None:
    submit(page, slow_studio, "It goes well")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#said")).to_contain_text("Cancelled with")
    expect(page.locator("#billing-note")).to_contain_text("This job costs")


def test_another_site_cannot_spend(page: Page, studio: Studio) -> None:
    page.set_content(FOREIGN.format(url=f"http://{studio.authority}", account=ACCOUNTS[0]))
    page.get_by_role("button", name="Win a prize").click()
    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    expect(page.get_by_text("This form was sent from another site.")).to_be_visible()


def test_its_pages_shut_nobody_out(browser: Browser, studio: Studio, axe: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    submit(page, studio, "Half of it is made and kept")
    expect(page.locator(".tag")).to_have_text("finished")
    found = []
    for path in ("", page.url, "/jobs/none"):
        page.goto(path if path.startswith("http") else f"http://{studio.authority}{path}")
        found += violations(page, axe)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert found == []
    context.close()
