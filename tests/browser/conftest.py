"""A real browser before a real portal: Chromium by Playwright, the portal under gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from portal.config import Config
from tests.browser.chromium import ARGUMENTS, get_chromium
from tests.browser.scene import Scene, furnished
from tests.databases import Databases
from tests.serving import Portal, serving

AXE = Path(__file__).parent / "vendor" / "axe-core@4.14.1" / "axe.min.js"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder drives a browser, and says so."""
    for test in items:
        if Path(__file__).parent in test.path.parents:
            test.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the run (of each process of the run)."""
    path = get_chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(params=["scripts on", "scripts off"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile, with JavaScript and without: every journey works both ways."""
    opened = browser.new_context(java_script_enabled=request.param == "scripts on")
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def portal(config: Config, tmp_path: Path) -> Iterator[Portal]:
    """The portal on a free port, with a migrated database of the test's own.

    Asks for `config`, so a test runs on both databases unless it chooses a dialect.
    """
    with serving(config, tmp_path) as served:
        yield served


@pytest.fixture(scope="session")
def scene(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A furnished portal that all journeys share; on SQLite unless a test asks for more."""
    dialect = getattr(request, "param", "sqlite")
    with furnished(databases, dialect, tmp_path_factory.mktemp(f"scene-{dialect}")) as made:
        yield made


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, to be run in a page."""
    return AXE.read_text(encoding="utf-8")
