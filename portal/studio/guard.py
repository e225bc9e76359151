"""Who may send a form to the studio: a page of its own, in a browser on this machine."""

import hmac
import secrets
from ipaddress import ip_address
from typing import Final

from flask import Flask, Response, abort, current_app, request

FIELD: Final = "token"
KEY: Final = "key"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HOSTS: Final = ("127.0.0.1", "localhost")
FORM_MAX: Final = 32 * 1024
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=(), camera=(), microphone=()",
}


def register(app: Flask, seal: bytes) -> None:
    """Guard every request; `seal` is what the tokens of this studio are made from."""
    app.config["TRUSTED_HOSTS"] = list(HOSTS)  # a name that others made point here is refused
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = FORM_MAX
    app.extensions["studio-seal"] = seal
    app.before_request(refuse_strangers)
    app.after_request(add_headers)
    app.jinja_env.globals |= {"token": token, "token_field": FIELD, "new_key": new_key}


def refuse_strangers() -> None:
    """403 for whoever is elsewhere, and for a form that came from elsewhere.

    There is no signing in: a page of another site must not spend, though it shares the browser.
    """
    try:
        here = ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        here = False
    if not here:
        abort(403, "The studio is for this machine alone.")
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403, "This form was sent from another site.")
    given = request.form.get(FIELD, "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, token().encode()):
        abort(403, "This form is not of this studio. Go back, reload the page, and send it again.")


def token() -> str:
    """What a form of this studio carries; pages of other sites cannot read it."""
    seal: bytes = current_app.extensions["studio-seal"]
    return hmac.new(seal, b"studio form v1", "sha256").hexdigest()


def new_key() -> str:
    """A name for one form: however often it is sent, it is one job."""
    return f"form-{secrets.token_urlsafe(18)}"


def add_headers(response: Response) -> Response:
    """Nothing but our own style, pictures, sounds and forms; kept by nobody."""
    response.headers.update(HEADERS)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "private, no-store"
    return response
