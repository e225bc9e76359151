"""The whole portal as one application: its doors, its commands, and what no view answers."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from portal import cli, internal, operations, web
from portal.clock import utc_now
from portal.config import ROOT, Config
from portal.current import Application
from portal.database import Database


class Portal(Flask):
    """Flask, whose views here are plain functions, and which knows a short way to some."""

    shortcut: internal.Shortcut | None = None
    polls: web.Polls | None = None

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer by a short way, or by the framework's own."""
        if self.polls is not None and web.UNCHANGED in environ:
            return self.polls.answer(environ, start_response)
        if self.shortcut is not None and (way := self.shortcut.find(environ)) is not None:
            return self.shortcut.answer(way, environ, start_response)
        return super().wsgi_app(environ, start_response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds the rule of a request, unless it is known already."""
        if request is not None and request.url_rule is not None:
            return None
        return super().create_url_adapter(request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: each request would ask seven of them whether they are coroutines."""
        return func


def assembled(config: Config | None, clock: Callable[[], int] | None) -> Flask:
    """Register the doors, the CLI and the error handlers, as `portal.create_app` says."""
    settings = config or Config.from_environment(os.environ)
    app = Portal(
        "portal",
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
    )
    app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts)
    app.config["MAX_FORM_MEMORY_SIZE"] = 64 * 1024
    if hops := settings.proxy_hops:
        # Whose request it is and over which scheme; never the host: signatures cover that.
        behind = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)
        app.wsgi_app = behind  # type: ignore[method-assign]
    app.extensions["portal"] = Application(
        settings, Database(settings), clock or utc_now, os.urandom
    )
    app.register_blueprint(internal.blueprint)
    web.register(app)
    app.register_error_handler(HTTPException, answer_failure)
    operations.register(app)
    cli.register(app)
    app.shortcut = internal.Shortcut(app)
    app.polls = web.Polls(app)
    return app


def answer_failure(error: HTTPException) -> Response:
    """What has no view of its own: a problem under the signed door, a page everywhere else."""
    if request.path.startswith(internal.blueprint.url_prefix or ""):
        return internal.http_problem(error, request.path)
    return web.errors.answer(error)
