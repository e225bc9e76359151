"""What operators ask of a portal: is it well, what has it done, what went wrong."""

from flask import Flask

from portal.current import Application
from portal.operations import health, metrics
from portal.operations.logs import keep_silent
from portal.operations.passage import Passage

__all__ = ["register"]


def register(app: Flask) -> None:
    """Open the operators' routes, and let every request go through the passage."""
    state: Application = app.extensions["portal"]
    settings = state.config
    keep_silent(settings)
    app.register_blueprint(health.bp)
    app.register_blueprint(metrics.bp)
    tallies = metrics.count_for(app, state)
    app.wsgi_app = Passage(  # type: ignore[method-assign]
        app.wsgi_app,
        note=None if tallies is None else tallies.note,
        lines=settings.log_requests,
        host=settings.trusted_hosts[0],
    )
