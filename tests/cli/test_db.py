"""portal/cli/db.py: the operator's commands about the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from portal import create_app, database, ledger, pricing
from portal.cli import db
from portal.config import Config
from tests.databases import config_for


@contextmanager
def portal(config: Config) -> Iterator[Flask]:
    app = create_app(config, clock=lambda: 1_795_426_867_000_000)
    yield app
    app.extensions["portal"].database.dispose()


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    with portal(config) as made:
        yield made


def published(app: Flask) -> list[str]:
    with app.extensions["portal"].database.reading() as connection:
        return [tariff.name for tariff in ledger.load_tariffs(connection)]


def test_an_upgrade_publishes_the_shipped_tariff_once(app: Flask) -> None:
    for _ in range(2):
        done = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert done.exit_code == 0, done.output
        assert done.output == f"database at migration {database.head()}\n"
    assert published(app) == [pricing.shipped_tariff().name]


def test_a_sound_database_is_told_and_its_migration(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["db", "check"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(("SQLite ", "PostgreSQL "))
    assert done.output.endswith(f"at migration {database.head()}\n")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_unsafe_database_is_told_in_a_sentence(app: Flask, config: Config) -> None:
    assert config.sqlite_file is not None
    config.sqlite_file.chmod(0o644)
    done = app.test_cli_runner().invoke(args=["db", "check"])
    assert done.exit_code == 1
    assert "chmod 600" in done.output
    assert "Traceback" not in done.output


def test_a_database_without_migrations_is_told_the_command(tmp_path: Path) -> None:
    (tmp_path / "portal.db").touch(0o600)
    with portal(config_for("sqlite:///portal.db", tmp_path)) as app:
        done = app.test_cli_runner().invoke(args=["db", "check"])
    assert done.exit_code == 1
    assert "flask --app wsgi db upgrade" in done.output


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_serving_login_cannot_migrate(config: Config) -> None:
    with portal(replace(config, database_owner_url=config.database_url)) as app:
        done = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert done.exit_code == 1


def test_preparing_keeps_a_tariff_that_was_published(app: Flask, config: Config) -> None:
    with app.app_context():
        db.prepare(config)
        db.prepare(config)
    assert len(published(app)) == 1
