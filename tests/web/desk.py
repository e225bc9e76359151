"""The front desk as its visitors see it, over Flask's test client, with a clock that stands still.

Entries are posted by the real engine, at whatever instant a story needs.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import create_app, identity, ledger, pricing
from portal.config import Config
from portal.current import Application
from portal.database import Database

NOW: Final = 1_795_355_520_250_000  # 2026-11-22T13:52:00.250000Z
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
MONTH_START: Final = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
PASSWORD: Final = "correct horse battery"
STUDIO: Final = ledger.Actor("service", "studio", "studio-1")
BROWSER: Final = {"Sec-Fetch-Site": "same-origin"}
PEOPLE: Final = identity.metadata.tables["people"]


@cache
def hashed() -> str:
    """PASSWORD's hash: made once, for hashing is slow on purpose."""
    return identity.hash_password(PASSWORD)


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Desk:
    """A portal with the shipped tariff, and what tests do to it from behind the counter."""

    def __init__(self, config: Config, **settings: Any) -> None:
        self.clock = Clock()
        ours = replace(config, trusted_hosts=("localhost",), **settings)
        self.app: Flask = create_app(ours, clock=self.clock)
        self.state: Application = self.app.extensions["portal"]
        self.tariffs = pricing.Tariffs([pricing.shipped_tariff()])
        self._jobs = 0
        with self.database.writing() as connection:
            ledger.publish_tariff(
                connection, self.tariffs[0], now=MONTH_START, published_by="tests"
            )

    @property
    def database(self) -> Database:
        return self.state.database

    def post(self, command: ledger.Command, at: int | None = None) -> ledger.Outcome:
        """Post a command at an instant (now, unless told)."""
        when = self.clock.now if at is None else at
        with self.database.writing() as connection:
            return ledger.post(
                connection, [command], now=when, tariffs=self.tariffs, ids=self.state.ids
            )[0]

    def done(self, command: ledger.Command, at: int | None = None) -> ledger.Posted:
        """Post a command that must succeed."""
        outcome = self.post(command, at)
        assert isinstance(outcome, ledger.Posted), outcome
        return outcome

    def entry(self, command: ledger.Command, at: int | None = None) -> ledger.Entry:
        """The entry of a command that must succeed."""
        entry = self.done(command, at).entry
        assert entry is not None
        return entry

    def account(self, account_id: str, tier: str = "pro", **more: Any) -> None:
        """An account since its anchor, which is 1 November 2026 unless told."""
        values: dict[str, Any] = {"name": f"{account_id.title()} Ltd", "anchor_at": MONTH_START}
        values |= more
        put = ledger.PutAccount(account_id=account_id, tier=tier, **values)
        self.done(put, put.anchor_at)

    def person(self, email: str, account_id: str | None, role: str = "customer") -> None:
        """Somebody with PASSWORD."""
        row = (f"prs_{email}", email, hashed(), account_id, role, NOW, None)
        with self.database.writing() as connection:
            connection.execute(PEOPLE.insert().values(row))

    def task(self) -> ledger.Reference:
        """A reference nobody has used."""
        self._jobs += 1
        return ledger.Reference("task", f"job-{self._jobs:04d}")

    def debit(
        self, account_id: str, quantity: int, operation: str = "generate", **more: Any
    ) -> ledger.Debit:
        """A charge the studio asks for."""
        values = {"reference": self.task(), "actor": STUDIO} | more
        return ledger.Debit(account_id=account_id, operation=operation, quantity=quantity, **values)

    def hold(self, account_id: str, quantity: int, at: int | None = None) -> ledger.Hold:
        """Speech the studio has begun to generate."""
        placed = self.done(
            ledger.PlaceHold(
                account_id=account_id,
                operation="generate",
                quantity=quantity,
                reference=self.task(),
                actor=STUDIO,
            ),
            at,
        )
        assert placed.hold is not None
        return placed.hold

    def visitor(self) -> "Visitor":
        """Somebody who is not signed in."""
        return Visitor(self.app.test_client())

    def signed_in(self, email: str) -> "Visitor":
        """Somebody who is."""
        visitor = self.visitor()
        answer = visitor.sign_in(email)
        assert answer.status_code == 303, answer.text
        return visitor


@dataclass
class Visitor:
    """A browser without scripts: keeps cookies, follows nothing by itself."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=lambda: dict(BROWSER))

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a page; header names are written with underscores."""
        return self.client.get(path, headers=self.headers | dashed(headers), buffered=True)

    def part(self, path: str, target: str, **headers: str) -> TestResponse:
        """Ask for a part of a page as htmx does."""
        asked = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": target}
        return self.client.get(path, headers=self.headers | asked | dashed(headers))

    def post(
        self, path: str, data: Mapping[str, str] | None = None, **headers: str
    ) -> TestResponse:
        """Send a form as it is, without any token of its own."""
        return self.client.post(path, data=data, headers=self.headers | dashed(headers))

    def token(self, path: str = "/login") -> str:
        """The token a page gives to its forms."""
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get(path).text)
        assert found is not None
        return found[1]

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        """Fill the sign-in form in and send it."""
        form = {"csrf_token": self.token(), "email": email, "password": password} | more
        return self.post("/login", form)

    def cookie(self) -> str:
        """The value of the portal's cookie."""
        cookie = self.client.get_cookie("portal")
        assert cookie is not None
        return str(cookie.value)

    def borrow(self, value: str) -> None:
        """Take over a cookie from elsewhere."""
        self.client.set_cookie("portal", value)


class Shape(HTMLParser):
    """What a page is made of, as far as tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))

    def count(self, tag: str) -> int:
        """How many elements of a name there are."""
        return sum(1 for name, _ in self.tags if name == tag)


def words(html: str) -> str:
    """The words of a page as one line, without marks."""
    text = re.sub(r"<[^>]+>", " ", html)
    return re.sub(r"\s+", " ", text).replace("&#39;", "'").strip()


def dashed(headers: Mapping[str, str]) -> dict[str, str]:
    """HX_PTag as HX-PTag."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def secret_text() -> str:
    """A text no page can hold by chance."""
    return secrets.token_hex(8)
