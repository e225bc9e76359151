"""Gate 50: nothing is open that nobody opened, and what breaks tells nobody how."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Never
from unittest import mock

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.debug import DebuggedApplication

from portal.config import Config
from portal.internal.problems import internal_error
from tests.internal.service import Clock, Service, issue, opened

pytestmark = pytest.mark.gate
HIDDEN = "hunter2-of-the-database"
TELLING = ("Traceback", 'File "', "RuntimeError", "werkzeug", "gunicorn", "Python/", HIDDEN)


@pytest.fixture
def app(config: Config, tmp_path: Path) -> Iterator[Flask]:
    """The portal with metrics on, for those who know the token."""
    settings = replace(config, metrics_token=b"t" * 32, shared_folder=tmp_path / "shared")
    with opened(settings, Clock()) as made:
        yield made


@pytest.fixture
def service(app: Flask) -> Service:
    return issue(app, app.extensions["portal"].clock)


def client_of(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path",
    [
        "/console", "/debug", "/.git/HEAD", "/.env", "/static/", "/static/vendor/", "/static/..",
        "/static/../wsgi.py", "/static/%2e%2e/portal/config.py", "/static/etc/passwd",
        "/var/portal.db", "/var/secret-key", "/templates/layout.html", "/portal/config.py",
        "/metrics", "/server-status", "/internal", "/internal/v1",
    ],
)  # fmt: skip
def test_there_is_nothing_there(app: Flask, path: str) -> None:
    answer = client_of(app).get(path, headers={"Host": "127.0.0.1"})
    assert answer.status_code == 404
    assert not any(word in answer.text for word in TELLING)
    assert "Server" not in answer.headers


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_is_there_is_found(app: Flask) -> None:
    """The control."""
    for path, headers in (
        ("/static/portal.css", {}),
        ("/metrics", {"Authorization": f"Bearer {'t' * 32}"}),
        ("/healthz", {}),
    ):
        with client_of(app).get(path, headers={"Host": "127.0.0.1", **headers}) as answer:
            assert answer.status_code == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG", "PROPFIND"])
@pytest.mark.parametrize(
    "path", ["/login", "/healthz", "/internal/v1/debits", "/static/portal.css"]
)
def test_methods_that_echo_or_list_are_refused(app: Flask, method: str, path: str) -> None:
    headers = {"Host": "127.0.0.1", "X-Echo": HIDDEN}
    answer = client_of(app).open(path, method=method, headers=headers)
    # At pages it has no token, and is refused before anybody asks for a method.
    assert answer.status_code in ((405,) if path.startswith("/internal") else (403, 405))
    assert HIDDEN not in answer.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_control_with_a_debugger_there_is_something(app: Flask) -> None:
    debugger = DebuggedApplication(app.wsgi_app, evalex=True)
    with mock.patch.object(app, "wsgi_app", debugger), pytest.raises(AssertionError):
        test_there_is_nothing_there(app, "/console")


def broken(*_: object, **__: object) -> Never:
    raise RuntimeError(HIDDEN)


def test_what_breaks_at_the_door_is_a_problem_with_an_id_and_no_more(
    app: Flask, service: Service
) -> None:
    assert service.get("/accounts/acme").status_code == 404
    app.view_functions["internal.get_account"] = broken
    answer = service.get("/accounts/acme")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert answer.content_type == "application/problem+json"
    assert len(answer.headers["X-Request-Id"]) == 21
    assert not any(word in answer.text for word in TELLING)


def test_what_breaks_at_a_page_is_a_page_with_an_id_and_no_more(app: Flask) -> None:
    app.view_functions["auth.sign_in"] = broken
    answer = client_of(app).get("/login", headers={"Host": "127.0.0.1"})
    assert answer.status_code == 500
    assert len(answer.headers["X-Request-Id"]) == 21
    assert not any(word in answer.text for word in TELLING)
    assert not app.debug


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_control_what_tells_its_errors_is_found_out(
    app: Flask, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def telling(path: str) -> Response:
        answer = internal_error(path)
        answer.data = json.dumps({**json.loads(answer.data), "trace": traceback.format_exc()})
        return answer

    monkeypatch.setattr(import_module("portal.internal.blueprint"), "internal_error", telling)
    with pytest.raises(AssertionError):
        test_what_breaks_at_the_door_is_a_problem_with_an_id_and_no_more(app, service)
