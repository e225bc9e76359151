"""The address without a path: it only leads on."""

from flask import Blueprint, Response, make_response, redirect, url_for
from flask_login import current_user

from portal.web.pages import private
from portal.web.visitor import members_only

bp = members_only(Blueprint("home", __name__))


@bp.get("/")
def home() -> Response:
    """To the person's own account, or, for an admin without one, to the admins' page."""
    where = "usage.report" if current_user.account_id is not None else "admin.desk"
    return private(make_response(redirect(url_for(where), 303)))
