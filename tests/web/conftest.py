"""The front desk on SQLite; tests that ask for `dialect` themselves run on both databases."""

from collections.abc import Iterator

import pytest

from portal.config import Config
from tests.web.desk import Desk, Visitor


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    """What a page says does not depend on the database; test_web.py walks over both."""
    return str(request.param)


@pytest.fixture
def desk(config: Config) -> Iterator[Desk]:
    """Two customers with an account each, one admin without; nothing has happened yet."""
    made = Desk(config)
    made.account("acme")
    made.account("bolt", tier="free")
    made.person("ada@acme.example", "acme")
    made.person("bob@bolt.example", "bolt")
    made.person("olga@portal.example", None, "admin")
    yield made
    made.database.dispose()


@pytest.fixture
def ada(desk: Desk) -> Visitor:
    """Ada of acme, signed in."""
    return desk.signed_in("ada@acme.example")


@pytest.fixture
def bob(desk: Desk) -> Visitor:
    """Bob of bolt, signed in: he must see nothing of acme."""
    return desk.signed_in("bob@bolt.example")


@pytest.fixture
def olga(desk: Desk) -> Visitor:
    """Olga, an admin without an account, signed in."""
    return desk.signed_in("olga@portal.example")
