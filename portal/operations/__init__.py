"""What operators ask of a portal: is it well, what has it done, what went wrong."""

from flask import Flask

from portal.current import Application
from portal.operations import health
from portal.operations.logs import keep_silent
from portal.operations.passage import Passage

__all__ = ["register"]


def register(app: Flask) -> None:
    """Open the operators' routes, and let every request go through the passage."""
    state: Application = app.extensions["portal"]
    settings = state.config
    keep_silent(settings)
    app.register_blueprint(health.bp)
    host = settings.trusted_hosts[0]
    passage = Passage(app.wsgi_app, note=None, lines=settings.log_requests, host=host)
    app.wsgi_app = passage  # type: ignore[method-assign]
