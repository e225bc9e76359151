"""The real portal, served once for all tests of the client, on each kind of database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from portal.client import Credits
from tests.client.portals import STEADY, Real, real
from tests.databases import DIALECTS, Databases

_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=DIALECTS)
def portal(
    request: pytest.FixtureRequest,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Real]:
    """A served portal; each test has accounts of its own in it."""
    folder = tmp_path_factory.mktemp("served")
    with databases.fresh(str(request.param)) as config, real(config, folder) as served:
        yield served


@pytest.fixture
def credits(portal: Real) -> Iterator[Credits]:
    """A client of it that may do everything."""
    with portal.credits(patience=STEADY) as made:
        yield made


@pytest.fixture
def account(credits: Credits) -> str:
    """A fresh account of the free tier, with 1,000 credits."""
    return opened(credits)


def opened(credits: Credits, tier: str = "free") -> str:
    """Another fresh account."""
    return credits.open_account(f"acme-{next(_numbers)}", "Acme Ltd", tier).id


@pytest.fixture
def task() -> Callable[[], str]:
    """Names of jobs that nobody has done."""
    return lambda: f"job-{next(_numbers)}"
