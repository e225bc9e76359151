"""Who is at the desk: the cookie, session and person behind a request, read anew each time."""

from typing import Final

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    redirect,
    request,
    url_for,
)
from flask_login import AnonymousUserMixin, LoginManager, current_user
from werkzeug.wrappers import Response as AnyResponse

from portal import current, identity
from portal.web.pages import is_htmx, private
from portal.web.paths import local_path, path_of

# No cookie can have this name, so Flask-Login never looks for one of its own.
NO_COOKIE: Final = ";"
MINUTE: Final = 60_000_000
# Where "/" leads a customer; an admin who signs in there is led to the admins' page instead.
LANDINGS: Final = ("/", "/usage")


def register(app: Flask) -> None:
    """Let Flask-Login find the person of each request through the session table alone."""
    app.config["REMEMBER_COOKIE_NAME"] = NO_COOKIE
    login = LoginManager()
    login.session_protection = None
    login.request_loader(person_behind)
    login.unauthorized_handler(send_to_sign_in)
    login.init_app(app)
    app.after_request(keep_visitor_token)


def members_only(blueprint: Blueprint) -> Blueprint:
    """Ask for a signed-in person before every view of the blueprint."""
    blueprint.before_request(lambda: None if current_user.is_authenticated else send_to_sign_in())
    return blueprint


def admins_only(blueprint: Blueprint) -> Blueprint:
    """Ask for an admin before every view; to anybody else the pages do not exist."""
    members_only(blueprint)
    blueprint.before_request(lambda: None if current_user.is_admin else abort(404))
    return blueprint


def account_id() -> str:
    """The account of the person at the desk: from the session, never from URL or form."""
    if current_user.account_id is None:
        abort(404, "You have no account of your own to look at.")
    return str(current_user.account_id)


def person_behind(asked: Request) -> identity.Person | None:
    """The person whose live session this request's cookie names; notes that they are here."""
    token = asked.cookies.get(cookie_name())
    if not token:
        return None
    now = current.now()
    with current.database.reading() as connection:
        session = identity.find_session(connection, token, now, lifetime())
    if session is None:
        return None
    # A tab that polls is no sign of life: only what a person does keeps the session going.
    if now - session.seen_at > identity.SEEN_EVERY and "HX-PTag" not in asked.headers:
        note_presence(session, now)
    return session.person


def is_signed_in(*, look_up: bool) -> bool:
    """Whether somebody is signed in, for a page that must be shown whatever fails.

    Where the visitor was not found before, nobody is looked up unless `look_up` says so, and
    once that fails it counts as nobody: the page would fail, or wait, once more.
    """
    if "_login_user" not in g:  # where Flask-Login keeps whom it found; templates ask it too
        try:
            if look_up:
                return bool(current_user.is_authenticated)
        except current.UNAVAILABLE:
            pass
        g._login_user = AnonymousUserMixin()
    return bool(current_user.is_authenticated)


def note_presence(session: identity.Session, now: int) -> None:
    """Renew a session; pages can still be read when nothing can be written, for half an hour."""
    try:
        with current.database.writing() as connection:
            identity.renew_session(connection, session, now)
    except current.UNAVAILABLE:
        current_app.logger.warning("a session could not be renewed", exc_info=True)


def send_to_sign_in() -> AnyResponse:
    """To the sign-in page and back again; htmx is told in a header, or it would swap that page in.

    Only reading is resumed after signing in: a form that was sent is not sent again.
    """
    back = path_of(request.headers.get("HX-Current-URL", "")) if is_htmx() else request.full_path
    known = local_path(back.rstrip("?")) if request.method == "GET" else None
    where = url_for("auth.sign_in", next=known if known not in LANDINGS else None)
    if not is_htmx():
        return private(redirect(where, 303))
    return private(Response(status=401, headers={"HX-Redirect": where}))


def visitor_token() -> str:
    """The value of this visitor's cookie; a new one is made, and set, where there is none."""
    if "visitor_token" not in g:
        g.visitor_token = request.cookies.get(cookie_name()) or identity.new_token()
    return str(g.visitor_token)


def change_token(token: str) -> None:
    """Give the visitor another cookie with this answer, as on signing in and out."""
    g.visitor_token = token


def keep_visitor_token(response: Response) -> Response:
    """Set the cookie where the visitor's token is not the one the browser has."""
    token = g.get("visitor_token")
    if token is not None and token != request.cookies.get(cookie_name()):
        response.set_cookie(
            cookie_name(),
            token,
            secure=current.config.is_secure,
            httponly=True,
            samesite="Lax",
            path="/",
        )
    return response


def cookie_name() -> str:
    """The name browsers bind to this very host, where there is TLS to carry it."""
    return "__Host-portal" if current.config.is_secure else "portal"


def lifetime() -> identity.Lifetime:
    """How long sessions live here."""
    idle = current.config.session_idle_minutes * MINUTE
    return identity.Lifetime(idle, current.config.session_hours * 60 * MINUTE)
