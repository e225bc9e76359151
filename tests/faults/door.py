"""The door of a portal as a client of the soak sees it, which is often not there.

Whoever gets no answer says the same again under the same key until there is one.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections import Counter

from portal import signing
from portal.client.connections import Answer, Connections, LostError, UnsentError
from tests.faults.history import Asked, Told

ROOT = "/internal/v1"
PATIENCE = 90.0  # seconds until nobody answers


class Door:
    """Signs, sends, and sends again; any thread may use it."""

    def __init__(self, authority: str, kid: str, secret: str) -> None:
        self.authority, self.kid, self.secret = authority, kid, secret
        self.connections = Connections(f"http://{authority}", None)
        self.failures: Counter[str] = Counter()
        self.partly: list[Told] = []  # batches of which something had to be asked again

    def tell(self, asked: Asked) -> Told:
        """Ask until there is an answer for good."""
        method = "POST" if asked.key else "PUT" if asked.members else "GET"
        body = json.dumps(asked.members).encode() if asked.members else b""
        began, lost = time.monotonic(), 0
        while time.monotonic() < began + PATIENCE:
            try:
                answer = self.once(method, asked.path, body, asked.key)
            except (UnsentError, LostError) as error:
                lost += isinstance(error, LostError)
                self.failures[type(error).__name__] += 1
            else:
                replayed = answer.headers.get("Idempotency-Replayed") == "true"
                heard = (answer.status, answer.content, replayed, lost)
                told = Told(asked, began, time.monotonic(), *heard)
                if told.is_for_good:
                    return told
                if answer.status == 201:
                    self.partly.append(told)
                lost += answer.status >= 500 or b'"storage_unavailable"' in answer.content
                self.failures[f"status {answer.status}"] += 1
            time.sleep(random.uniform(0.01, 0.3))
        return Told(asked, began, time.monotonic(), 0, b"", False, lost)

    def once(self, method: str, path: str, body: bytes, key: str) -> Answer:
        """One sending, newly signed."""
        created = int(time.time())
        where, _, query = path.partition("?")
        headers = signing.sign(
            method=method,
            authority=self.authority,
            path=ROOT + where,
            query=query,
            kid=self.kid,
            secret=self.secret,
            created=created,
            expires=created + signing.WINDOW_MAX,
            nonce=secrets.token_urlsafe(16),
            body=body,
            idempotency_key=key or None,
        )
        headers["Host"] = self.authority
        return self.connections.exchange(method, ROOT + path, headers, body, seconds=10)
