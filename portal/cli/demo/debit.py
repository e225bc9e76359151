"""One signed debit, sent to the demo over HTTP as any service would send it."""

import http.client
import json
import secrets
import shlex
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from portal import signing
from portal.cli.demo.sheet import Sheet

PATH: Final = "/internal/v1/debits"
TIMEOUT: Final = 15


class Signed(NamedTuple):
    """A request as it goes over the wire."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def curl(self) -> str:
        """The same request for curl; good as long as its signature is."""
        headers = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items()]
        lines = [f"curl -i {shlex.quote(self.url)}", *headers]
        lines.append(f"--data-raw {shlex.quote(self.body.decode())}")
        return " \\\n  ".join(lines)


class Answer(NamedTuple):
    """What came back: the status line and the JSON."""

    status: int
    reason: str
    members: dict[str, Any]


class SilentPortalError(Exception):
    """Nobody answers where the demo should be."""

    def __init__(self, url: str) -> None:
        port = urlsplit(url).port
        super().__init__(f"Nothing answers at {url}; start the portal there: PORT={port} make run")


def signed_debit(sheet: Sheet, members: dict[str, Any], now: int) -> Signed:
    """A debit, signed with the demo's key for a minute from now (UTC microseconds)."""
    body = json.dumps(members, ensure_ascii=False).encode()
    created = now // 1_000_000
    headers = signing.sign(
        method="POST",
        authority=sheet.service_key.authority,
        path=PATH,
        kid=sheet.service_key.kid,
        secret=sheet.service_key.secret,
        created=created,
        expires=created + signing.WINDOW,
        nonce=secrets.token_urlsafe(16),
        body=body,
        idempotency_key=secrets.token_hex(16),
    )
    return Signed(sheet.url + PATH, headers, body)


def send(request: Signed) -> Answer:
    """Send a request and read its answer. Raises SilentPortalError."""
    parts = urlsplit(request.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT)
    try:
        connection.request("POST", parts.path, request.body, request.headers)
        response = connection.getresponse()
        return Answer(response.status, response.reason, json.loads(response.read()))
    except (OSError, http.client.HTTPException, ValueError):
        raise SilentPortalError(f"{parts.scheme}://{parts.netloc}") from None
    finally:
        connection.close()
