"""A portal with the shipped price list, for the operator's commands, on each kind of database."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from flask import Flask

from portal import create_app
from portal.cli import db
from portal.config import Config

NOW = 1_795_426_867_000_000  # 2026-11-23T09:41:07Z
Operate = Callable[..., Result]


@pytest.fixture
def operated(config: Config) -> Iterator[Flask]:
    """The whole portal; its clock stands still."""
    app = create_app(config, clock=lambda: NOW)
    with app.app_context():
        db.prepare(config)
    yield app
    app.extensions["portal"].database.dispose()


@pytest.fixture
def operate(operated: Flask) -> Operate:
    """Runs `flask --app wsgi …` on that portal."""

    def run(*words: str) -> Result:
        return operated.test_cli_runner().invoke(args=words)

    return run
