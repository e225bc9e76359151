"""A portal behind the real server, with a service that signs: what tests of operations ask of."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from portal import ledger, pricing, signing
from portal.clock import utc_now
from portal.config import Config
from portal.current import Application
from portal.database import Database
from portal.internal.keys import SCOPES, issue_key
from tests.internal.service import ROOT, new_key
from tests.serving import Portal, serving

OPERATOR = ledger.Actor("admin", "root@example.com")


class Reply(NamedTuple):
    """What came back over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """A service with a key; every request comes over a connection of its own."""

    def __init__(self, portal: Portal, kid: str, secret: str) -> None:
        self.portal, self.kid, self.secret = portal, kid, secret
        self.sent: list[str] = []  # every signature
        self.heard: list[bytes] = []  # the body of every answer
        self.timeout = 30.0

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Reply:
        """One request without a signature; names of headers are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.portal.authority, timeout=self.timeout)
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            self.heard.append(answer.read())
            return Reply(answer.status, answer.headers, self.heard[-1])
        finally:
            connection.close()

    def call(
        self, method: str, path: str, members: dict[str, Any] | None = None, **more: Any
    ) -> Reply:
        """One signed request; `more` are headers beside the signature's."""
        body = b"" if method == "GET" else json.dumps(members or {}).encode()
        now = int(time.time())
        keyed = {"idempotency_key": new_key()} if method == "POST" else {}
        signed = signing.sign(
            method=method, authority=self.portal.authority, path=ROOT + path, body=body,
            kid=self.kid, secret=self.secret, created=now, expires=now + 60, nonce=new_key(),
            **keyed,
        )  # fmt: skip
        self.sent.append(signed["Signature"][6:-1])
        return self.ask(ROOT + path, method, body, **signed, **more)

    def debit(self, account: str = "acme", quantity: int = 1) -> Reply:
        """Charge an account for some characters."""
        reference = {"type": "task", "id": new_key()}
        asked = {"account": account, "operation": "generate", "quantity": quantity}
        return self.call("POST", "/debits", {**asked, "reference": reference})


@contextmanager
def served(
    config: Config, folder: Path, *, workers: int = 1, threads: int = 4, **settings: Any
) -> Iterator[Caller]:
    """Serve with settings of the test's own; acme and zenith are open, with 100,000 credits."""
    config = replace(config, shared_folder=folder / "shared", **settings)
    kid, secret = provision(config)
    with serving(config, folder, workers=workers, threads=threads) as portal:
        yield Caller(portal, kid, secret)


def provision(config: Config, *, service: str = "tts") -> tuple[str, str]:
    """Publish the shipped tariff, open two accounts and issue a key: its id and secret."""
    state = Application(replace(config, rate_account=None), Database(config), utc_now, os.urandom)
    shipped = pricing.shipped_tariff()
    with state.database.writing() as connection:
        if not ledger.load_tariffs(connection):
            ledger.publish_tariff(connection, shipped, now=utc_now(), published_by="tests")
        key = issue_key(connection, service=service, scopes=SCOPES, now=utc_now())
    for name in ("acme", "zenith"):
        state.submit(ledger.PutAccount(account_id=name, name=name, tier="pro", actor=OPERATOR))
    state.database.dispose()
    return key.kid, signing.derive_secret(config.secret_key, key.kid)
