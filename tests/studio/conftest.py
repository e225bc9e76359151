"""A studio without a portal, and one whose portal answers as it is told to."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.client import Patience
from portal.studio import create_studio
from portal.studio.jobs import Wish
from portal.studio.place import NAME, Place
from portal.studio.settings import Settings
from portal.studio.shelf import Shelf
from tests.client.portals import KID, SECRET

ONCE = Patience(tries=1)
WISH = Wish("form-0123456789abcdef", "acme", "generate", "Guten Tag!", 0, "success")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path / "studio")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a studio that works without delay."""
    return Settings(("acme",), tmp_path / "studio", 60, 0.0)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a studio is told; nobody listens where its portal should be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "PORTAL_CLIENT_URL": f"http://127.0.0.1:{port}",
        "PORTAL_CLIENT_KID": KID,
        "PORTAL_CLIENT_SECRET": SECRET,
        "STUDIO_ACCOUNTS": "acme, bolt",
        "STUDIO_FOLDER": str(tmp_path / "studio"),
        "STUDIO_STEP_MS": "0",
    }


@pytest.fixture
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """A studio without a portal."""
    made = create_studio(environment, ONCE)
    yield made
    place_of(made).crew.stop(10)


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Somebody before it."""
    return app.test_client()


def place_of(app: Flask) -> Place:
    """What its pages stand on."""
    found: Place = app.extensions[NAME]
    return found


def form_of(browser: FlaskClient, **members: str) -> dict[str, str]:
    """The form of the front page, filled in."""
    page = browser.get("/").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    named = {name: str(value) for name, value in WISH._asdict().items() if name != "key"}
    return hidden | named | members
