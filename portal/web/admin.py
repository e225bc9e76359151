"""Where an admin lands: what an admin does by pages, and which commands do the rest."""

from flask import Blueprint, Response

from portal.web.pages import page
from portal.web.visitor import admins_only

bp = admins_only(Blueprint("admin", __name__))


@bp.get("/admin")
def desk() -> Response:
    """The admins' page."""
    return page("admin/desk.html", {})
