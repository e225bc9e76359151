"""Whether the portal lives and can serve: for probes, which need no name, key or session."""

from functools import lru_cache
from typing import Final

from flask import Blueprint, Response, jsonify

from portal import current, database
from portal.database.upgrading import revision_of

bp = Blueprint("operations", __name__)
RETRY_AFTER: Final = "2"


@bp.get("/healthz")
def live() -> Response:
    """200 as long as the process answers; nothing else is asked."""
    return told(200, status="alive")


@bp.get("/readyz")
def ready() -> Response:
    """200 if requests can be served now, 503 with the reason if not."""
    reason = find_reason()
    if reason is None:
        return told(200, status="ready")
    response = told(503, status="unready", reason=reason)
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def find_reason() -> str | None:
    """Why nothing can be served now, in one word for machines; None if it can."""
    try:
        with current.database.reading() as connection:
            found = revision_of(connection)
    except database.BusyError:
        return "database_busy"
    except current.UNAVAILABLE:
        return "database_unavailable"
    return None if found == newest() else "migration_differs"


@lru_cache(maxsize=1)
def newest() -> str | None:
    """The migration this code was written for; its files do not change while it runs."""
    return database.head()


def told(code: int, **members: str) -> Response:
    """A small JSON answer that nobody may keep."""
    response = jsonify(members)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    return response
