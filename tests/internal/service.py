"""A service as the door sees it: signs with its key, sends, and keeps what it sent."""

import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from portal import create_app, ledger, pricing, signing
from portal.config import Config
from portal.current import Application
from portal.database import Database
from portal.internal.keys import SCOPES, ServiceKey, issue_key
from portal.internal.uses import Uses
from tests.internal.published import published

SECOND = 1_000_000
NOW = 1_795_355_520_250_000  # 2026-11-22T13:52:00.250000Z
ROOT = "/internal/v1"
_numbers = itertools.count(1)


class Clock:
    """A clock that goes only when told."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, *, seconds: int = 0, microseconds: int = 0) -> None:
        self.now += seconds * SECOND + microseconds


class Answer(NamedTuple):
    """An answer of the door; `json` is typed as what a test expects of it."""

    status_code: int
    data: bytes
    headers: Headers

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def content_type(self) -> str:
        return self.headers["Content-Type"]


class Slow(io.BytesIO):
    """Content of which a server read no more, as its sender was too slow."""

    late = 5.2


@dataclass
class Sent:
    """A request as it goes over the wire; sending it twice sends the same bytes twice."""

    client: FlaskClient
    host: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def send(self, environ: dict[str, Any] | None = None) -> Answer:
        answer = self.client.open(
            self.path + (f"?{self.query}" if self.query else ""),
            base_url=f"http://{self.host}",
            method=self.method,
            headers=self.headers,
            data=self.body if self.method not in ("GET", "HEAD") else None,
            environ_overrides=environ,
        )
        self.refuse_unpublished(answer.status_code, answer.headers, answer.data)
        return Answer(answer.status_code, answer.data, answer.headers)

    def send_slowly(self, came: bytes = b"{") -> Answer:
        """Say that nine bytes come; as much came until the server gave up on its sender."""
        return self.send({"wsgi.input": Slow(came), "CONTENT_LENGTH": "9"})

    def refuse_unpublished(self, status: int, headers: Headers, body: bytes) -> None:
        """Fail where the door answers what it does not publish; a 500 never is published."""
        if status != 500 and self.method != "HEAD" and self.path.startswith(ROOT):
            kind = headers["Content-Type"]
            app = published(self.client.application)
            faults = list(app.faults(self.method, self.path, status, kind, body))
            assert not faults, faults


@dataclass
class Service:
    """One service with one key of its own."""

    app: Flask
    clock: Clock
    key: ServiceKey
    secret: str | signing.PrivateKey
    authority: str
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    @classmethod
    def of(cls, app: Flask, clock: Any, shown: dict[str, Any]) -> "Service":
        """The service that was shown a key, as `flask keys issue --json` tells it."""
        key = ServiceKey(shown["kid"], shown["service"], "", "", *(None,) * 3, 0, None, None, 0)
        return cls(app, clock, key, shown["secret"], shown["authority"])

    def prepare(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        /,
        *,
        query: str = "",
        key: str | None = None,
        **signed: Any,
    ) -> Sent:
        """Sign a request. body: members, or raw bytes. key: the idempotency key of a POST."""
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        if method in ("GET", "HEAD"):
            content = b""
        if method == "POST" and "idempotency_key" not in signed:
            signed["idempotency_key"] = key or new_key()
        created = self.clock.now // SECOND
        terms = {
            "method": method,
            "authority": self.authority,
            "path": ROOT + path,
            "query": query,
            "body": content,
            "kid": self.key.kid,
            "secret": self.secret,
            "created": created,
            "expires": created + signing.WINDOW,
            "nonce": f"nonce-{next(_numbers):010}",
            **signed,
        }
        return Sent(
            self.client, self.authority, method, ROOT + path, query, signing.sign(**terms), content
        )

    def post(self, path: str, body: dict[str, Any] | bytes, /, **more: Any) -> Answer:
        return self.prepare("POST", path, body, **more).send()

    def put(self, path: str, body: dict[str, Any] | bytes, /, **more: Any) -> Answer:
        return self.prepare("PUT", path, body, **more).send()

    def get(self, path: str, query: str = "", /, **more: Any) -> Answer:
        return self.prepare("GET", path, query=query, **more).send()

    def issue(self, service: str, **terms: Any) -> "Service":
        """Another service's key, of the same portal."""
        return issue(self.app, self.clock, service, **terms)

    # --- what tests do most ----------------------------------------------------------------------

    def debit(self, quantity: int = 100, task: str | None = None, **more: Any) -> Answer:
        """Charge acme for characters of `generate`, one credit each."""
        key = more.pop("key", None)
        return self.post("/debits", debit_of(quantity, task, **more), key=key)

    def hold(self, quantity: int = 100, task: str | None = None, **more: Any) -> Answer:
        """Set acme's credits aside."""
        key = more.pop("key", None)
        return self.post("/holds", debit_of(quantity, task, **more), key=key)

    def held(self, quantity: int = 100, **more: Any) -> str:
        """The id of a fresh hold."""
        response = self.hold(quantity, **more)
        assert response.status_code == 201, response.text
        found: str = response.json["hold"]["id"]
        return found


def debit_of(quantity: int, task: str | None = None, **more: Any) -> dict[str, Any]:
    """Members of a debit or hold on acme."""
    return {
        "account": "acme",
        "operation": "generate",
        "quantity": quantity,
        "reference": {"type": "task", "id": task or f"task-{next(_numbers)}"},
        **more,
    }


def new_key() -> str:
    """An idempotency key nobody has used."""
    return f"key-{next(_numbers):016}"


@contextmanager
def opened(config: Config, clock: Clock) -> Iterator[Flask]:
    """The whole portal on a database, with the shipped price list published.

    It notes who uses a key and writes nothing of it.
    """
    app = create_app(config, clock=clock)
    # What a thread writes beside the requests would come between two looks at the database.
    app.extensions["service_key_uses"] = Uses(lambda _: None)
    database: Database = app.extensions["portal"].database
    tariff = pricing.shipped_tariff()
    database.run(
        lambda connection: ledger.publish_tariff(
            connection, tariff, now=clock.now, published_by="tests"
        )
    )
    yield app
    database.dispose()


def issue(app: Flask, clock: Clock, service: str = "tts", **terms: Any) -> Service:
    """A service with a fresh key; all scopes unless told otherwise."""
    portal: Application = app.extensions["portal"]
    terms = {"scopes": SCOPES, **terms}
    key = portal.database.run(
        lambda connection: issue_key(connection, service=service, now=clock.now, **terms)
    )
    secret = signing.derive_secret(portal.config.secret_key, key.kid)
    app.extensions.pop("service_keys", None)  # the ring is read again, without waiting for it
    return Service(app, clock, key, secret, portal.config.authority)


# What a request may write that moves no credits: its nonce, and the units of a key's day.
BESIDE = frozenset({"spent_nonces", "service_key_days", "service_key_operation_days"})


def digest_of(database: Database, *, without: frozenset[str] = frozenset()) -> str:
    """One hash over every row of every table."""
    found = hashlib.sha256()
    with database.reading() as connection:
        for table in sorted(set(sa.inspect(connection).get_table_names()) - without):
            rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
            found.update(repr((table, sorted(map(repr, rows)))).encode())
    return found.hexdigest()
