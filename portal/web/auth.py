"""Signing in and out: plain forms without scripts, and sessions that really end."""

from typing import Final, NamedTuple

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from portal import current, identity
from portal.limits import network_of
from portal.web import visitor
from portal.web.pages import private
from portal.web.paths import local_path

bp = Blueprint("auth", __name__)

# One sentence for every failure: which part was wrong is nobody's business.
WRONG: Final = "Email and password do not match."


class Credentials(NamedTuple):
    """What the sign-in form sent."""

    email: str
    password: str
    next: str


@bp.get("/login")
def sign_in() -> AnyResponse:
    """The form; those who are in already go on."""
    back = request.args.get("next", "")
    if current_user.is_authenticated:
        return private(make_response(redirect(local_path(back) or "/", 303)))
    return form(200, back)


@bp.post("/login")
def enter() -> AnyResponse:
    """Check the password and start a session under a new cookie."""
    given = Credentials(*(request.form.get(name, "") for name in Credentials._fields))
    try:
        person = recognised(given)
    except identity.TooManyAttemptsError as error:
        minutes = -(-error.retry_after // 60)
        sentence = f"Too many attempts. Try again in {minutes} min."
        response = form(429, given.next, given.email, sentence)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if person is None:
        return form(422, given.next, given.email, WRONG)
    start_session(person, given)
    return private(make_response(redirect(local_path(given.next) or "/", 303)))


@bp.post("/logout")
def leave() -> AnyResponse:
    """End the session in the database: a copied cookie is worth nothing afterwards."""
    with current.database.writing() as connection:
        identity.end_session(connection, visitor.visitor_token())
    visitor.change_token(identity.new_token())
    response = private(make_response(redirect(url_for("auth.sign_in", left="1"), 303)))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def recognised(given: Credentials) -> identity.Person | None:
    """The person whose email and password these are; raises TooManyAttemptsError.

    The attempt is counted and committed before anything is hashed, and an email nobody has
    costs as much time as one with a wrong password.
    """
    now = current.now()
    with current.database.writing() as connection:
        identity.count_attempt(connection, given.email, whence(), now)
    with current.database.reading() as connection:
        person = identity.find_person(connection, given.email.strip())
        known = None if person is None else identity.find_password_hash(connection, person.id)
    matches = identity.verify_password(known, given.password)
    return person if matches and person is not None and person.is_active else None


def start_session(person: identity.Person, given: Credentials) -> None:
    """A new session under a new id; the one before, if any, ends: no id survives signing in."""
    now = current.now()
    with current.database.writing() as connection:
        known = identity.find_password_hash(connection, person.id)
        if known is not None and identity.is_outdated(known):
            hashed = identity.hash_password(given.password)
            identity.set_password_hash(connection, person.id, hashed)
        identity.forget_attempts(connection, given.email, whence(), now)
        identity.end_session(connection, visitor.visitor_token())
        token = identity.begin_session(connection, person, now, visitor.lifetime())
    visitor.change_token(token)


def whence() -> str:
    """Where a visitor comes from, as far as that is one customer of a network."""
    return network_of(request.remote_addr or "")


def form(status: int, back: str, email: str = "", error: str | None = None) -> Response:
    """The sign-in page, with what went wrong last time."""
    left = status == 200 and "left" in request.args
    body = render_template(
        "auth/sign_in.html", next=local_path(back) or "", email=email, error=error, left=left
    )
    return private(make_response(body, status))
