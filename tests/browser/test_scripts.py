"""What scripts may do, and what becomes of a page when they cannot: nothing injected ever lives."""

import gzip
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Response, expect

from tests.browser.scene import CLEO, Scene, Watch, furnished, sign_in
from tests.databases import Databases

INJECT = """() => {
  const made = document.createElement('button');
  made.id = 'injected';
  made.setAttribute('hx-get', '/ledger');
  made.setAttribute('hx-target', '#main');
  document.body.append(made);
  htmx.process(made);
  made.click();
  return made.hasAttribute('hx-get');
}"""


@pytest.fixture(scope="module")
def scene(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A portal of its own: it hears of the attacks that are blocked here."""
    with furnished(databases, "sqlite", tmp_path_factory.mktemp("scene-scripts")) as made:
        yield made


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """With scripts alone: without them there is nothing to see here."""
    opened = browser.new_context()
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, scene: Scene) -> Page:
    page = context.new_page()
    sign_in(page, scene, CLEO)
    return page


def refresh(page: Page) -> None:
    """Ask now instead of in three seconds."""
    page.evaluate("document.body.dispatchEvent(new CustomEvent('portal:refresh'))")


def test_markup_without_the_nonce_is_dead(page: Page) -> None:
    watch = Watch(page)
    assert page.evaluate(INJECT) is False
    expect(page).to_have_url(re.compile("/usage$"))
    assert any("hx-csp" in told for told in watch.complaints)


def test_no_script_can_write_markup_or_run_text(page: Page) -> None:
    source = "document.createElement('script').src = '/static/evil.js'"
    for attack in ("document.body.innerHTML = '<b>x</b>'", "setTimeout('1')", source):
        with pytest.raises(Error, match="Trusted"):
            page.evaluate(f"() => {{ {attack} }}")


def test_an_injected_script_does_not_run_and_is_reported(page: Page, scene: Scene) -> None:
    watch = Watch(page)
    with page.expect_request("**/csp-reports"):
        page.evaluate(
            "() => { const made = document.createElement('script');"
            " made.append('window.evil = 1'); document.head.append(made); }"
        )
    assert page.evaluate("window.evil") is None
    assert any("Trusted" in told or "Content Security" in told for told in watch.complaints)
    page.reload()
    assert "blocked by the content security policy" in scene.log.read_text(errors="replace")


def test_without_a_network_the_page_says_so_and_recovers(
    page: Page, context: BrowserContext
) -> None:
    context.set_offline(True)
    refresh(page)
    expect(page.locator("#flash")).to_contain_text("The server cannot be reached.")
    context.set_offline(False)
    refresh(page)
    expect(page.locator("#flash")).to_be_empty()


def test_a_session_that_ended_elsewhere_leads_to_sign_in_and_back(
    page: Page, context: BrowserContext, scene: Scene
) -> None:
    page.goto(f"{scene.url}/usage?period=7d")
    context.clear_cookies()
    refresh(page)
    page.wait_for_url("**/login?next=**")
    assert page.locator("input[name=next]").input_value() == "/usage?period=7d"


def test_an_unchanged_poll_swaps_nothing(page: Page) -> None:
    page.evaluate("document.getElementById('balance').dataset.mark = 'kept'")
    with page.expect_response("**/usage**") as answered:
        refresh(page)
    assert answered.value.status == 304
    expect(page.locator("#balance[data-mark=kept]")).to_be_visible()


def test_polls_are_frequent_at_first_rare_later_and_none_while_hidden(
    browser: Browser, scene: Scene
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    sign_in(page, scene, CLEO)
    # Not answered at all: what changes on the server asks for quick polls again.
    page.route("**/usage**", lambda route: route.abort())
    page.evaluate("document.body.addEventListener('portal:refresh', () => (window.asked ??= [])"
                  ".push(Date.now()))")  # fmt: skip

    def polls() -> int:
        return int(page.evaluate("(window.asked ?? []).length"))

    page.clock.run_for(61_000)
    assert 18 <= polls() <= 21
    before = polls()
    page.clock.run_for(180_000)
    assert polls() - before == 3
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange'))")  # fmt: skip
    before = polls()
    page.clock.run_for(180_000)
    assert polls() == before
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    assert polls() == before + 1
    context.close()


def test_back_and_forward_find_what_was_chosen(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.url}/ledger")
    page.get_by_label("Type").select_option("grant")
    expect(page.locator("#live")).to_contain_text("1 entry")
    page.get_by_label("Type").select_option("refund")
    expect(page.locator("#live")).to_contain_text("0 entries")
    page.get_by_role("link", name="Plans", exact=True).click()
    page.go_back()
    expect(page.get_by_label("Type")).to_have_value("refund")
    page.go_back()
    expect(page.get_by_label("Type")).to_have_value("grant")
    expect(page.locator("#rows > tr")).to_have_count(1)
    page.go_forward()
    expect(page.get_by_label("Type")).to_have_value("refund")


def test_a_message_of_the_server_lands_above_the_page_and_leaves_it_whole(
    page: Page, scene: Scene
) -> None:
    page.goto(f"{scene.url}/ledger")
    page.route("**/ledger?**", lambda route: route.fulfill(status=503, body="<p>Back soon.</p>"))
    page.get_by_label("Type").select_option("grant")
    expect(page.locator("#flash")).to_have_text("Back soon.")
    expect(page.locator("#rows")).to_be_visible()
    assert page.url.endswith("/ledger")


def test_a_first_visit_is_light(page: Page, browser: Browser, scene: Scene) -> None:
    """Five requests, the icon among them; packed, what a prototype of such a page weighs."""
    first = browser.new_context(storage_state=page.context.storage_state())
    page = first.new_page()
    loaded: list[Response] = []
    page.on("response", lambda answer: loaded.append(answer))
    page.goto(f"{scene.url}/usage")
    page.wait_for_load_state("networkidle")
    icon = page.locator("link[rel=icon]").get_attribute("href")
    paths = {answer.url.removeprefix(scene.url).partition("?")[0] for answer in loaded}
    assert paths | {str(icon).partition("?")[0]} == {
        "/usage", "/static/portal.css", "/static/scripts.js", "/static/favicon.svg",
    }  # fmt: skip
    assert len(loaded) <= 5
    sizes = {answer.url.rpartition("/")[2].partition("?")[0]: len(gzip.compress(answer.body()))
             for answer in loaded}  # fmt: skip
    assert sizes["usage"] <= 12_000
    assert sizes["portal.css"] <= 4_000
    assert sum(sizes.values()) <= 40_000
    for answer in loaded:
        if answer.request.resource_type in ("stylesheet", "script"):
            assert answer.headers["content-encoding"] == "gzip", answer.url
    assert page.evaluate("document.querySelectorAll('*').length") <= 1_500
    first.close()
