"""A poll with nothing new, told past the framework's dispatch; it knows no other answer than 304.

A customer's usage page asks every few seconds whether what it shows is still so. Mostly it is, and
to find that out takes a session's row and an account's. What is not plain, and whatever may have
changed, goes the framework's own way: the answers are equal.
"""

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache, partial
from typing import Any, Final

from flask import Flask, g

from portal import current, identity, ledger
from portal.current import Application
from portal.web.headers import new_nonce
from portal.web.pages import unchanged
from portal.web.standing import account_in, tag_at
from portal.web.visitor import cookie_name, lifetime

PATH: Final = "/usage"
# In a request's environ: the tag of a poll that was found to show what is so.
UNCHANGED: Final = "portal.unchanged"
# How htmx asks for the balance card.
SHAPE: Final = (
    ("REQUEST_METHOD", "GET"),
    ("SCRIPT_NAME", ""),
    ("PATH_INFO", PATH),
    ("HTTP_HX_REQUEST_TYPE", "partial"),
    ("HTTP_HX_TARGET", "section#balance"),
)
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
STATUS: Final = "304 NOT MODIFIED"
# What stands in an answer's headers where each answer has its own.
TAG, NONCE = "<tag>", "<nonce>"


class Polls:
    """Tells polls of one application that nothing is new."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._state: Application = app.extensions["portal"]
        with app.app_context():
            self._cookie, self._lifetime = cookie_name(), lifetime()
        self._trusts = lru_cache(maxsize=64)(partial(current.is_trusted, app))

    def find_unchanged(self, environ: dict[str, Any]) -> str | None:
        """The tag of a plain poll by whoever may see what it stands for, if that is still so.

        None: the framework shall answer. Nobody waits for it: where the database is not free at
        once, the framework's threads may wait.
        """
        if any(environ.get(name) != value for name, value in SHAPE):
            return None
        tag, token = environ.get("HTTP_HX_PTAG"), self._token_in(environ.get("HTTP_COOKIE", ""))
        if tag is None or token is None or self._state.config.rate_address is not None:
            return None  # where addresses are counted, they all are
        if not self._trusts(environ["wsgi.url_scheme"], environ.get("HTTP_HOST")):
            return None
        now = self._state.clock()
        found = self._state.database.glances.look(
            (identity.LIVE, identity.live_at(token, now, self._lifetime)),
            (ledger.ACCOUNT, {"account": account_in(tag)}),
        )
        if found is None or not all(found):
            return None
        [[session], [row]] = found
        account, person = ledger.Account._make(row), identity.session_of(session).person
        is_so = person.account_id == account.id and tag_at(account, now) == tag
        return tag if is_so else None

    def answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer a poll whose tag was found to stand for what is so, as its view would."""
        tag, nonce = environ[UNCHANGED], new_nonce()
        start(
            STATUS,
            [
                (name, value.replace(TAG, tag).replace(NONCE, nonce))
                for name, value in self._headers
            ],
        )
        return ()

    @cached_property
    def _headers(self) -> list[tuple[str, str]]:
        """What the framework's own answer says, with marks for the tag and the nonce."""
        with self._app.test_request_context(PATH) as context:
            g.nonce = NONCE
            response = self._app.process_response(unchanged(TAG))
            return response.get_wsgi_headers(context.request.environ).to_wsgi_list()

    def _token_in(self, cookies: str) -> str | None:
        """The portal's own cookie among others, where nobody could read them in another way."""
        if cookies.count(self._cookie) != 1:
            return None
        given = dict(each.partition("=")[::2] for each in cookies.split("; ")).get(self._cookie)
        return given if given and TOKEN.fullmatch(given) else None
