"""portal/__init__.py: it makes an application; what else it loads, the client's test says."""

from __future__ import annotations

from flask import Flask

from portal import create_app
from portal.config import ROOT
from tests.databases import SECRET, config_for


def test_it_makes_an_application_of_settings_and_of_a_clock() -> None:
    app = create_app(config_for("sqlite:///portal.db", ROOT), clock=lambda: 7)
    assert isinstance(app, Flask)
    state = app.extensions["portal"]
    assert (state.clock(), state.config.secret_key) == (7, SECRET.encode())
