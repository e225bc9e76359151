"""Metrics: counting what passes where that is asked for, and telling it to those who may know."""

import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from portal import current, ledger
from portal.current import Application
from portal.operations.facts import Standing, entries_so_far, find_audit, standing
from portal.operations.tallies import Tallies

bp = Blueprint("metrics", __name__)
UNMATCHED: Final = "unmatched"
PATHS_MAX: Final = 20_000
TALLIES: Final = "tallies"


def count_for(app: Flask, state: Application) -> Tallies | None:
    """Begin to count what an application does; None where nobody may ask for it."""
    if state.config.metrics_token is None:
        return None
    tallies = Tallies(state.config.shared_folder, Routes(app))
    app.extensions[TALLIES] = tallies
    state.queue.post = state.batches.post = noting(state.post, tallies)
    return tallies


@bp.get("/metrics")
def show() -> Response:
    """The metrics, for whoever brings the token; to anybody else there is nothing here."""
    token, tallies = current.config.metrics_token, current_app.extensions.get(TALLIES)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if tallies is None or token is None or not hmac.compare_digest(given.encode(), token):
        abort(404)
    # Only who asks for metrics needs the library that writes them.
    from portal.operations.exposition import Told, text_of

    counts, folder = tallies.all(), tallies.folder
    state, entries = find_state(tallies)
    told = Told(counts, entries, state, find_audit(folder))
    text, kind = text_of(told, request.headers.get("Accept", ""))
    return Response(text, content_type=kind, headers={"Cache-Control": "no-store"})


def find_state(tallies: Tallies) -> tuple[Standing | None, Counter[str]]:
    """How the ledger stands and what was written; None and nothing where it does not answer."""
    now = current.now()
    try:
        with tallies.alone(), current.database.reading() as connection:
            return standing(connection, now), entries_so_far(connection, tallies.folder, now)
    except current.UNAVAILABLE:
        return None, Counter()


def noting(
    post: Callable[..., list[ledger.Outcome]], tallies: Tallies
) -> Callable[..., list[ledger.Outcome]]:
    """`post`, with a note of how many commands each commit carried."""

    def noted(commands: Sequence[ledger.Command], *, atomic: bool = False) -> list[ledger.Outcome]:
        outcomes = post(commands, atomic=atomic)
        tallies.note_group(len(commands))
        return outcomes

    return noted


class Routes:
    """The route that a method and a path lead to, so that labels are as few as routes."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._known: dict[tuple[str, str], str] = {}
        self._map: MapAdapter | None = None

    def __call__(self, method: str, path: str) -> str:
        """The route's rule, or `unmatched`."""
        known = self._known.get((method, path))
        if known is None:
            if len(self._known) >= PATHS_MAX:
                self._known.clear()
            known = self._known[method, path] = self._matched(method, path)
        return known

    def _matched(self, method: str, path: str) -> str:
        if self._map is None:
            self._map = self._app.url_map.bind("localhost")
        try:
            rule, _ = self._map.match(path, method=method, return_rule=True)
        except HTTPException:
            return UNMATCHED
        return rule.rule.replace(" ", "")
