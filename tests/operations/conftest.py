"""The door over Flask's test client, on each kind of database, with a clock that stands still."""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal.config import Config
from portal.current import Application
from portal.database import Database
from tests.internal.service import Clock, Service, issue, opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(config: Config, clock: Clock) -> Iterator[Flask]:
    """The whole portal on a fresh database, with the shipped price list."""
    with opened(config, clock) as made:
        yield made


@pytest.fixture
def vault(app: Flask) -> Database:
    """The database behind the door."""
    state: Application = app.extensions["portal"]
    return state.database


@pytest.fixture
def service(app: Flask, clock: Clock) -> Service:
    """A service that may do everything, and acme with 100,000 credits of the pro tier."""
    made = issue(app, clock)
    answer = made.put("/accounts/acme", {"name": "Acme Ltd", "tier": "pro"})
    assert answer.status_code == 201, answer.text
    return made
