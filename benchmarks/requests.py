"""Requests as bytes, made and signed before the clock starts."""

import json
import secrets
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from portal import signing
from portal.client.members import new_key

ROOT = "/internal/v1"


class Signer(NamedTuple):
    """A service key and the portal it is for."""

    authority: str
    kid: str
    secret: str

    def post(self, path: str, members: dict[str, Any], key: str) -> bytes:
        """A signed POST under one idempotency key, good for five minutes from now."""
        body = json.dumps(members, separators=(",", ":")).encode()
        created = int(time.time())
        headers = signing.sign(
            method="POST",
            authority=self.authority,
            path=ROOT + path,
            kid=self.kid,
            secret=self.secret,
            created=created,
            expires=created + signing.WINDOW_MAX,
            nonce=secrets.token_hex(12),
            body=body,
            idempotency_key=key,
        )
        return written("POST", self.authority, ROOT + path, headers, body)

    def debits(self, accounts: Iterable[str], quantity: int) -> list[bytes]:
        """One debit an account named, each for a job of its own."""
        return [self.post("/debits", job(account, quantity), new_key()) for account in accounts]

    def batches(self, accounts: Iterable[str], quantity: int, size: int) -> list[bytes]:
        """One debit an account named, `size` of them in each request."""
        commands = [
            {"command": "debit", "idempotency_key": new_key(), **job(account, quantity)}
            for account in accounts
        ]
        parts = (commands[first : first + size] for first in range(0, len(commands), size))
        return [self.post("/batch", {"commands": part}, new_key()) for part in parts]

    def holds(self, accounts: Iterable[str], quantity: int) -> list[bytes]:
        """One hold an account named."""
        return [self.post("/holds", job(account, quantity), new_key()) for account in accounts]

    def captures(self, hold_ids: Iterable[str], quantity: int) -> list[bytes]:
        """One full capture a hold."""
        captured = {"credits": quantity}
        return [self.post(f"/holds/{name}/capture", captured, new_key()) for name in hold_ids]


def hellos(authority: str, count: int) -> list[bytes]:
    """Requests of the bare view."""
    return [written("GET", authority, "/hello", {}, b"")] * count


def job(account: str, quantity: int) -> dict[str, Any]:
    """The members of a debit or hold: characters of speech, one credit each."""
    return {
        "account": account,
        "operation": "generate",
        "quantity": quantity,
        "reference": {"type": "task", "id": new_key()},
    }


def written(method: str, host: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
