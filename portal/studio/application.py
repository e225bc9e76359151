"""The studio's own Flask application, put together from its settings and those of the client."""

import os
from collections.abc import Mapping
from typing import Final

from flask import Flask
from werkzeug.exceptions import HTTPException

from portal import client
from portal.studio import guard, pages
from portal.studio.crew import Crew
from portal.studio.place import NAME, Place
from portal.studio.runner import Runner
from portal.studio.settings import ROOT, Settings
from portal.studio.shelf import Shelf

PATIENT: Final = client.Patience()
HASTY: Final = client.Patience(tries=2, deadline=3)  # a browser waits


def create_studio(
    environment: Mapping[str, str] = os.environ, patience: client.Patience = PATIENT
) -> Flask:
    """A studio as STUDIO_* and PORTAL_CLIENT_* describe it; it takes up what was left lying.

    patience: of jobs with the portal. Raises StudioError, or the client's MisconfiguredError.
    """
    settings = Settings.from_environment(environment)
    key = client.Settings.from_environment(environment)
    app = Flask(
        __name__,
        template_folder=str(ROOT / "templates" / "studio"),
        static_folder=str(ROOT / "static"),
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    shelf = Shelf(settings.folder)
    crew = Crew(Runner(client.Credits(key, patience=patience), shelf, settings))
    hasty = client.Credits(key, patience=HASTY)
    app.extensions[NAME] = Place(hasty, key.url, settings.accounts, shelf, crew)
    guard.register(app, shelf.seal())
    app.register_blueprint(pages.blueprint)
    app.register_error_handler(HTTPException, pages.failed)
    crew.resume()
    return app
