"""What a page says when it cannot be shown: for a browser a page, for htmx a message."""

import secrets
from typing import Final

from flask import Blueprint, Flask, Response, current_app, make_response, render_template
from flask.globals import request_ctx
from jinja2_fragments.flask import render_block
from werkzeug.exceptions import HTTPException, InternalServerError

from portal import current
from portal.web.pages import asked_target, private
from portal.web.visitor import is_signed_in

RETRY_AFTER: Final = "2"
PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}
TITLES: Final = {
    400: "That request could not be understood",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That is not possible here",
    413: "That is too much at once",
    422: "That cannot be answered as asked",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "The ledger cannot be reached",
}
# What to say instead of Werkzeug's own sentences, which speak to programmers.
SENTENCES: Final = {
    404: "The address may be mistyped, or the page belongs to another account.",
    405: "This address cannot be used like that.",
    413: "The form holds more than this page takes.",
    500: "No page charges anything. If it happens again, tell us the number below.",
    503: "No page charges anything. Try again in a moment.",
}


def register(target: Flask | Blueprint) -> None:
    """Answer every failure of an app's, or a blueprint's, views with our own page."""
    target.register_error_handler(HTTPException, answer)
    for kind in current.UNAVAILABLE:
        target.register_error_handler(kind, unavailable)
    target.register_error_handler(Exception, failure)


def answer(error: HTTPException) -> Response:
    """The page for an HTTP error; a view's own words win over ours."""
    if error.response is not None:
        return make_response(error.response)
    code = error.code or 500
    own = error.description if error.description != type(error).description else None
    response = render(code, own or SENTENCES.get(code) or error.description or "")
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name != "Content-Type"
    )
    return response


def unavailable(error: Exception) -> Response:
    """503 where the database cannot answer; says when to come back."""
    current_app.logger.error("the database does not answer", exc_info=error)
    response = render(503, SENTENCES[503])
    response.headers["Retry-After"] = RETRY_AFTER
    return response


def failure(error: Exception) -> Response:
    """500 with a number to tell us: the log has the same number beside what went wrong."""
    number = secrets.token_hex(6)
    current_app.logger.error("failure %s", number, exc_info=error)
    return render(InternalServerError.code, SENTENCES[500], number)


def render(code: int, sentence: str, number: str | None = None) -> Response:
    """An error as a whole page, or as the message alone where a script asked.

    A request with a host that is not ours has no addresses to link to: it gets plain words.
    """
    if request_ctx.url_adapter is None:
        return private(Response(f"{code} {TITLES.get(code, TITLES[400])}\n", code, PLAIN))
    context = {
        "code": code,
        "title": TITLES.get(code, TITLES[400]),
        "sentence": sentence,
        "number": number,
        "alone": asked_target() is not None,
        "is_known": is_signed_in(look_up=code < 500),
    }
    if not context["alone"]:
        body = render_template("errors/error.html", **context)
    else:
        body = render_block("errors/error.html", "message", **context)
    return private(make_response(body, code))
