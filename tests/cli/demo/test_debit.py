"""The debit that is pasted is signed as the door wants it, and shown as curl would send it."""

import json
import shlex
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from portal import signing
from portal.cli.demo.debit import PATH, Signed, SilentPortalError, send, signed_debit
from tests.cli.demo.conftest import NOW, Filled
from tests.cli.demo.test_sheet import SHEET

MEMBERS = {
    "account": "northwind",
    "operation": "generate",
    "quantity": 12,
    "reference": {"type": "generation", "id": "job-é's"},
}


def test_the_door_takes_it_once_and_again_as_a_replay(own: Filled) -> None:
    own.clock.now = NOW + 1
    request = signed_debit(own.sheet, MEMBERS, own.clock.now)
    client = own.app.test_client()
    first, second = (
        client.post(PATH, base_url=own.sheet.url, headers=request.headers, data=request.body)
        for _ in range(2)
    )
    assert (first.status_code, first.json["entry"]["amount"]) == (201, -12)  # type: ignore[index]
    assert (second.data, second.headers["Idempotency-Replayed"]) == (first.data, "true")


def test_each_is_a_request_of_its_own() -> None:
    first, second = (signed_debit(SHEET, MEMBERS, NOW).headers for _ in range(2))
    assert first["Idempotency-Key"] != second["Idempotency-Key"]
    assert first["Signature-Input"] != second["Signature-Input"]
    assert (
        f"created={NOW // 1_000_000};expires={NOW // 1_000_000 + signing.WINDOW}"
        in (first["Signature-Input"])
    )


def test_curl_would_send_the_same() -> None:
    request = signed_debit(SHEET, MEMBERS, NOW)
    words = shlex.split(request.curl)
    headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    assert words[:3] == ["curl", "-i", f"http://127.0.0.1:8000{PATH}"]
    assert headers == [f"{name}: {value}" for name, value in request.headers.items()]
    assert words[-2:] == ["--data-raw", request.body.decode()]


class Echo(BaseHTTPRequestHandler):
    """Answers with what came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        plain = self.path.endswith("plain")
        content = b"oops" if plain else json.dumps({"path": self.path, "body": body}).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def echo() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_is_sent_over_http(echo: str) -> None:
    answer = send(Signed(f"{echo}{PATH}", {"X": "y"}, b"{}"))
    assert answer == (201, "Created", {"path": PATH, "body": "{}"})


def test_a_silent_portal_is_told_in_a_sentence(echo: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SilentPortalError, match=f"Nothing answers at {url}; .*make run"):
            send(Signed(f"{url}{PATH}", {}, b"{}"))
    with pytest.raises(SilentPortalError, match="Nothing answers"):
        send(Signed(f"{echo}/plain", {}, b"{}"))
