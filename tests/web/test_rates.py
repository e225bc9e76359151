"""portal/web/rates.py: pages are counted by address, where a limit is set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal import create_app
from portal.config import Config
from tests.databases import config_for

NOW = 1_795_355_520_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return replace(config_for("sqlite:///portal.db", tmp_path), rate_address=(2, 60))


class Visitor:
    """Somebody who asks from one address."""

    def __init__(self, app: Flask, address: str) -> None:
        self.client, self.peer = app.test_client(), {"REMOTE_ADDR": address}

    def get(self, path: str) -> TestResponse:
        headers = {"Host": "127.0.0.1"}
        return self.client.get(path, headers=headers, environ_overrides=self.peer)


def test_the_third_page_of_two_is_refused_until_the_time_it_names(settings: Config) -> None:
    now = [NOW]
    app = create_app(settings, clock=lambda: now[0])
    client = Visitor(app, "203.0.113.7")
    assert [client.get("/nowhere").status_code for _ in range(3)] == [404, 404, 429]
    told = client.get("/login")
    assert "Too many requests" in told.text
    now[0] += int(told.headers["Retry-After"]) * 1_000_000
    assert client.get("/nowhere").status_code == 404
    assert Visitor(app, "203.0.113.8").get("/nowhere").status_code == 404


def test_what_lies_still_is_not_counted(settings: Config) -> None:
    client = Visitor(create_app(settings, clock=lambda: NOW), "203.0.113.7")
    for _ in range(5):
        client.get("/static/portal.css").close()
    assert client.get("/nowhere").status_code == 404


def test_without_a_limit_pages_are_not_counted(settings: Config) -> None:
    client = Visitor(create_app(replace(settings, rate_address=None)), "203.0.113.7")
    assert {client.get("/nowhere").status_code for _ in range(9)} == {404}
