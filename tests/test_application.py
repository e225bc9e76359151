"""portal/application.py: what the factory puts together, and what it answers where no view does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, request

from portal import create_app
from portal.config import Config, ConfigError
from portal.current import Application
from tests.databases import config_for

PEER = {"REMOTE_ADDR": "10.0.0.9"}
FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config_for("sqlite:///portal.db", tmp_path)


def seen_by(app: Flask, headers: dict[str, str]) -> tuple[str | None, str, str]:
    """Address, scheme and host that a view would see."""
    found: list[tuple[str | None, str, str]] = []
    app.before_request(lambda: found.append((request.remote_addr, request.scheme, request.host)))
    told = {"Host": "127.0.0.1"} | headers
    app.test_client().get("/nowhere", headers=told, environ_overrides=PEER)
    return found[0]


def test_without_settings_it_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PROXY_HOPS", "many")
    with pytest.raises(ConfigError, match="PORTAL_PROXY_HOPS"):
        create_app()


def test_making_it_touches_no_database(settings: Config) -> None:
    create_app(settings)
    assert not (settings.root / "portal.db").exists()


def test_it_keeps_its_state_apart_from_another_portal(settings: Config) -> None:
    one, other = create_app(settings), create_app(settings, clock=lambda: 7)
    states = [app.extensions["portal"] for app in (one, other)]
    assert all(isinstance(state, Application) for state in states)
    assert states[0] is not states[1]
    assert states[1].clock() == 7


def test_flask_opens_no_session_of_its_own(settings: Config) -> None:
    """People's sessions are rows that can be ended; a cookie that Flask signs could not be."""
    app = create_app(settings)
    with app.test_request_context("/") as context:
        assert app.session_interface.open_session(app, context.request) is None


def test_no_proxy_is_believed_unless_it_is_configured(settings: Config) -> None:
    assert seen_by(create_app(settings), FORWARDED) == ("10.0.0.9", "http", "127.0.0.1")


def test_a_configured_proxy_is_believed_about_address_and_scheme(settings: Config) -> None:
    app = create_app(replace(settings, proxy_hops=1))
    headers = FORWARDED | {"X-Forwarded-Host": "evil.example"}
    assert seen_by(app, headers) == ("203.0.113.7", "https", "127.0.0.1")


def test_what_comes_before_the_configured_hops_is_not_believed(settings: Config) -> None:
    app = create_app(replace(settings, proxy_hops=1))
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert seen_by(app, headers)[0] == "203.0.113.7"


def test_a_host_that_is_not_ours_is_refused(settings: Config) -> None:
    client = create_app(settings).test_client()
    assert client.get("/login", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/nowhere", headers={"Host": "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/internal/v1/nowhere", "application/problem+json"), ("/nowhere", "text/html")],
)
def test_what_no_view_answers_is_answered_in_the_doors_own_way(
    settings: Config, path: str, kind: str
) -> None:
    answer = create_app(settings).test_client().get(path, headers={"Host": "127.0.0.1"})
    assert answer.status_code == 404
    assert answer.mimetype == kind
