"""portal/operations/health.py: alive, ready, and in one word why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from portal import create_app, database
from portal.config import Config
from portal.database import BusyError, Database
from tests.databases import Databases, config_for


def ask(app: Flask, path: str, host: str = "10.0.0.7") -> tuple[int, dict[str, str]]:
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert answer.json is not None
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code, answer.json


def test_a_portal_on_a_migrated_database_is_ready(config: Config) -> None:
    app = create_app(config)
    assert ask(app, "/readyz") == (200, {"status": "ready"})
    assert ask(app, "/healthz") == (200, {"status": "alive"})
    app.extensions["portal"].database.dispose()


def test_it_lives_without_a_database_and_is_not_ready(databases: Databases, dialect: str) -> None:
    with databases.fresh(dialect) as gone:
        pass
    app = create_app(gone)
    assert ask(app, "/healthz") == (200, {"status": "alive"})
    assert ask(app, "/readyz") == (503, {"status": "unready", "reason": "database_unavailable"})
    app.extensions["portal"].database.dispose()


def test_a_server_that_is_nowhere_is_told_without_its_login(tmp_path: Path) -> None:
    config = config_for("postgresql://portal:hunter2hunter2@127.0.0.1:1/portal", tmp_path)
    answer = create_app(config).test_client().get("/readyz", headers={"Host": "127.0.0.1"})
    assert (answer.status_code, answer.json) == (
        503,
        {"status": "unready", "reason": "database_unavailable"},
    )
    assert "hunter2" not in answer.text


def test_a_database_at_another_migration_is_told(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.operations.health.newest", lambda: "0000_of_tomorrow")
    app = create_app(config)
    assert ask(app, "/readyz") == (503, {"status": "unready", "reason": "migration_differs"})
    app.extensions["portal"].database.dispose()


def test_a_database_before_its_first_migration_is_told(tmp_path: Path) -> None:
    (tmp_path / "portal.db").touch(0o600)
    app = create_app(config_for("sqlite:///portal.db", tmp_path))
    assert ask(app, "/readyz") == (503, {"status": "unready", "reason": "migration_differs"})
    app.extensions["portal"].database.dispose()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_busy_database_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: Database) -> None:
        raise BusyError("kept")

    monkeypatch.setattr(Database, "reading", busy)
    assert ask(create_app(config), "/readyz")[1]["reason"] == "database_busy"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_being_alive_asks_no_database(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_: Database) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(Database, "reading", asked)
    assert ask(create_app(config), "/healthz")[0] == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_probes_are_not_counted_as_pages(config: Config, tmp_path: Path) -> None:
    limited = replace(config, rate_address=(1, 60), shared_folder=tmp_path / "shared")
    app = create_app(limited)
    assert {ask(app, "/healthz")[0] for _ in range(5)} == {200}
    assert {ask(app, "/readyz")[0] for _ in range(5)} == {200}


def test_the_newest_migration_is_the_codes_own() -> None:
    from portal.operations.health import newest

    assert newest() == database.head()
