"""One portal and one studio for all stories, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.portals import STEADY, Real, real
from tests.databases import DIALECTS, Databases
from tests.stories.studios import ACCOUNTS, Story, Studio, studio_for

_accounts = iter(ACCOUNTS)


@pytest.fixture(scope="session", params=DIALECTS)
def portal(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Real]:
    """A served portal."""
    folder = tmp_path_factory.mktemp("portal")
    with databases.fresh(str(request.param)) as config, real(config, folder) as served:
        yield served


@pytest.fixture(scope="session")
def studio(portal: Real, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio before it, quick at work."""
    with studio_for(portal, tmp_path_factory.mktemp("studio")) as served:
        yield served


@pytest.fixture
def story(portal: Real, studio: Studio) -> Iterator[Story]:
    """A customer of its own, with 1,000 credits."""
    yield from told(portal, studio)


def told(portal: Real, studio: Studio) -> Iterator[Story]:
    """A story before any studio of a portal."""
    account = next(_accounts)
    with portal.credits(patience=STEADY) as credits:
        credits.open_account(account, "Ada", "free")
        yield Story(studio, credits, account)
