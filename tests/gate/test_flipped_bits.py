"""Gate check 13 at the door itself: one bit of any covered byte, and nothing happens.

The bytes go in as a server hands them over, past everything that would refuse them earlier.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import run_wsgi_app

from portal import signing
from portal.config import Config
from portal.current import Application
from tests.internal.service import Clock, Sent, debit_of, digest_of, issue, opened

pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),  # the door asks neither
]
HEADERS = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_CONTENT_DIGEST": "Content-Digest",
    "HTTP_IDEMPOTENCY_KEY": "Idempotency-Key",
    "HTTP_SIGNATURE_INPUT": "Signature-Input",
    "HTTP_SIGNATURE": "Signature",
}


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    with opened(config, Clock()) as made:
        yield made


@pytest.fixture
def sent(app: Flask) -> Sent:
    """A signed debit that nobody has sent yet."""
    service = issue(app, app.extensions["portal"].clock)
    assert service.put("/accounts/acme", {"name": "Acme", "tier": "pro"}).status_code == 201
    return service.prepare("POST", "/debits", debit_of(12, "the-job"))


def answer(app: Flask, sent: Sent, body: bytes, changed: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of what the door answers to a request with some of its parts changed."""
    host, _, port = sent.host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": sent.path,
        "RAW_URI": changed.get("PATH_INFO", sent.path),
        "QUERY_STRING": "",
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": sent.host,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **{name: sent.headers[header] for name, header in HEADERS.items()},
        **changed,
    }
    found, status, _ = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return int(status.split()[0]), b"".join(found)


def flipped(text: str) -> Iterator[str]:
    for at, sign in enumerate(text):
        for bit in range(8):
            yield text[:at] + chr(ord(sign) ^ 1 << bit) + text[at + 1 :]


def test_every_flipped_bit_gets_the_same_answer_and_does_nothing(app: Flask, sent: Sent) -> None:
    database = app.extensions["portal"].database
    before, answers = digest_of(database), set()
    for name, header in HEADERS.items():
        for text in flipped(sent.headers[header]):
            answers.add(answer(app, sent, sent.body, {name: text}))
    for text in flipped(sent.body.decode()):
        answers.add(answer(app, sent, text.encode("latin-1"), {}))
    assert {status for status, _ in answers} == {401}
    assert [json.loads(body)["code"] for _, body in answers] == ["signature_invalid"]
    for name, text in (("PATH_INFO", sent.path), ("REQUEST_METHOD", sent.method)):
        for other in flipped(text):
            # Other paths may lie outside the door, where nobody has signed in.
            assert answer(app, sent, sent.body, {name: other})[0] in (400, 401, 403, 404, 405)
    assert digest_of(database) == before
    assert answer(app, sent, sent.body, {})[0] == 201
    assert digest_of(database) != before


def test_control_without_the_check_a_flipped_body_charges(
    app: Flask, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Application = app.extensions["portal"]
    before = digest_of(state.database)
    monkeypatch.setattr(signing, "check", lambda *_: None)
    other = sent.body.replace(b'"quantity": 12', b'"quantity": 13')
    assert answer(app, sent, other, {})[0] == 201
    assert digest_of(state.database) != before
