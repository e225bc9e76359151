"""The short way to the door's views: past the framework's dispatch, to the same functions.

What the framework does for every request (to bind a URL adapter, to match all routes, to open a
session, to ask hooks of the pages) comes to the same each time for a signed POST, and costs more
than the door itself. Whatever is not plain goes the framework's own way: the answers are equal.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from flask import Flask, Response
from flask.ctx import RequestContext
from flask.sessions import NullSession
from werkzeug.routing import Rule

from portal import current
from portal.internal import door
from portal.internal.blueprint import answer_problem, blueprint

ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
NO_SESSION: Final = NullSession()
View = Callable[..., Any]  # each of the door's gives a Response


class Way(NamedTuple):
    """Where a request leads: its rule, the view, and what the view is called with."""

    rule: Rule
    view: View
    args: dict[str, str]


class Shortcut:
    """Answers plain signed POSTs of one application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._ways: dict[str, Way] = {}
        self._named: dict[tuple[str, str], tuple[Rule, View, str]] = {}
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith(f"{blueprint.name}.") and "POST" in (rule.methods or ()):
                self._open(rule, app.view_functions[rule.endpoint])
        self._trusts = lru_cache(maxsize=64)(partial(current.is_trusted, app))

    def find(self, environ: dict[str, Any]) -> Way | None:
        """The way of a request, or None where the framework shall look for it."""
        if environ["REQUEST_METHOD"] != "POST" or environ.get("SCRIPT_NAME"):
            return None
        path: str = environ["PATH_INFO"]
        way = self._ways.get(path) or self._find_named(path)
        if way is None or not self._trusts(environ["wsgi.url_scheme"], environ.get("HTTP_HOST")):
            return None
        return way

    def answer(self, way: Way, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer as the blueprint would."""
        request = self._app.request_class(environ)
        request.url_rule, request.view_args = way.rule, way.args
        with RequestContext(self._app, environ, request, NO_SESSION):
            try:
                door.admit()
                response: Response = way.view(**way.args)
            except Exception as error:
                response = answer_problem(error)
            return response(environ, start)

    def _open(self, rule: Rule, view: View) -> None:
        before, mark, rest = rule.rule.partition("<")
        if not mark:
            self._ways[rule.rule] = Way(rule, view, {})
            return
        name, _, after = rest.partition(">")
        if "<" not in after:
            self._named[before, after] = (rule, view, name)

    def _find_named(self, path: str) -> Way | None:
        """The way of a path with a name in it: /holds/<hold_id>/capture."""
        head, _, last = path.rpartition("/")
        before, _, name = head.rpartition("/")
        found = self._named.get((f"{before}/", f"/{last}"))
        if found is None or not ID.fullmatch(name):
            return None
        rule, view, member = found
        return Way(rule, view, {member: name})
