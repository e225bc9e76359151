"""Headers every page carries, and the guard that turns away posts from other sites."""

import secrets
from typing import Final

from flask import Flask, Response, abort, g, request
from markupsafe import Markup

from portal import current

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'none'",
    "script-src 'nonce-{nonce}'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types htmx",
    "report-uri /csp-reports",
)
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=(), camera=(), microphone=()",
}
KEPT: Final = "public, max-age=31536000, immutable"
HSTS: Final = "max-age=31536000; includeSubDomains"


def register(app: Flask) -> None:
    """Guard every request for a page and dress every answer to it; the services' door is apart."""
    app.before_request(refuse_other_sites)
    app.after_request(add_headers)


def refuse_other_sites() -> None:
    """403 for an unsafe request that a browser says came from another site, before any token."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if is_page() and request.method not in SAFE_METHODS and site != "same-origin":
        abort(403, "This form was sent from another site.")


def add_headers(response: Response) -> Response:
    """Set the security headers; a fragment carries the nonce its htmx attributes were given."""
    if is_page():
        policy = "; ".join(POLICY).format(nonce=nonce())
        response.headers["Content-Security-Policy"] = policy
        response.headers.update(FIXED)
        # The address of a static file names its contents: the same address is the same file.
        if request.endpoint == "static" and response.status_code == 200 and "v" in request.args:
            response.headers["Cache-Control"] = KEPT
        if current.config.is_secure:
            response.headers["Strict-Transport-Security"] = HSTS
    return response


def is_page() -> bool:
    """Whether the request is for the front desk rather than the services' door."""
    return not request.path.startswith("/internal/")


def nonce() -> str:
    """This request's own nonce: scripts and htmx attributes without it do nothing."""
    if "nonce" not in g:
        g.nonce = new_nonce()
    return str(g.nonce)


def new_nonce() -> str:
    """A nonce that nobody can guess."""
    return secrets.token_urlsafe(18)


def hx(**attributes: str | bool) -> Markup:
    """htmx attributes, escaped, with the nonce that lets them live: {{ hx(get=…, target=…) }}.

    An underscore stands for a dash: push_url=True is hx-push-url="true".
    """
    words = {name.replace("_", "-"): value for name, value in attributes.items()}
    words["nonce"] = nonce()
    return Markup(" ").join(
        Markup('hx-{}="{}"').format(name, "true" if value is True else str(value))
        for name, value in words.items()
    )
