"""The door as one Flask blueprint: its address, what runs before each view, what answers a refusal.

Resources register their views on it; nothing of any resource is known here.
"""

import logging

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from portal import ledger
from portal.internal import door
from portal.internal.problems import TABLE, as_door_error, http_problem, internal_error, problem

blueprint = Blueprint("internal", __name__, url_prefix="/internal/v1")
blueprint.before_request(door.admit)
log = logging.getLogger(__name__)
# Whose errors mean that the database failed, and not the door.
STORAGE = ("sqlite3", "sqlalchemy", "psycopg", "portal.database")


@blueprint.errorhandler(Exception)
def answer_problem(error: Exception) -> Response:
    """Any refusal or failure as a problem; what the database could not do is a 503."""
    if isinstance(error, HTTPException):
        return http_problem(error, request.path)
    if type(as_door_error(error)) in TABLE:
        return problem(error, request.path)
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    if is_storage(error):
        return problem(ledger.StorageUnavailableError(), request.path)
    return internal_error(request.path)


def is_storage(error: Exception) -> bool:
    """Whether the database failed; told by the makers of the error, as drivers are optional."""
    return any(kind.__module__.startswith(STORAGE) for kind in type(error).__mro__)
