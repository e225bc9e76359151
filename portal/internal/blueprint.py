"""The door as one Flask blueprint: its address, what runs before each view, what answers a refusal.

Resources register their views on it; nothing of any resource is known here.
"""

import logging

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from portal import current, ledger
from portal.internal import door
from portal.internal.problems import TABLE, as_door_error, http_problem, internal_error, problem
from portal.limits import RateLimitedError, network_of

blueprint = Blueprint("internal", __name__, url_prefix="/internal/v1")
blueprint.before_request(door.admit)
log = logging.getLogger(__name__)
# Whose errors mean that the database failed, and not the door.
STORAGE = ("sqlite3", "sqlalchemy", "psycopg", "portal.database")


@blueprint.errorhandler(Exception)
def answer_problem(error: Exception) -> Response:
    """Any refusal or failure as a problem; what the database could not do is a 503."""
    if "caller" not in g:
        error = count_stranger(error)
    if isinstance(error, HTTPException):
        return http_problem(error, request.path)
    if type(as_door_error(error)) in TABLE:
        return problem(error, request.path)
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    if is_storage(error):
        return problem(ledger.StorageUnavailableError(), request.path)
    return internal_error(request.path)


def count_stranger(error: Exception) -> Exception:
    """Count who was not let in by where they came from; the refusal, or that there are too many.

    Only then: who signs is let in wherever strangers come from, and to see who does costs less
    than to look an address up first.
    """
    limits = current.application().limits
    if limits is not None and not isinstance(error, RateLimitedError):
        try:
            limits.count("address", network_of(request.remote_addr or ""), current.now())
        except RateLimitedError as limited:
            return limited
    return error


def is_storage(error: Exception) -> bool:
    """Whether the database failed; told by the makers of the error, as drivers are optional."""
    return any(kind.__module__.startswith(STORAGE) for kind in type(error).__mro__)
