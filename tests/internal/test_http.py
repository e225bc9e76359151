"""The door behind the real server: spellings a server decodes, odd framing, many at once."""

import http.client
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from portal import signing
from portal.clock import utc_now
from portal.config import Config
from portal.database import Database
from portal.internal.keys import SCOPES, STALE, find_key, issue_key, revoke_key, succeed_key
from tests.internal.service import ROOT, Clock, digest_of, new_key, opened
from tests.rounds import ROUNDS
from tests.serving import Portal, serving

pytestmark = pytest.mark.gate
DEBITS = f"{ROOT}/debits"


class Wire:
    """A service on a socket, so that every byte of a request is the test's own."""

    def __init__(self, portal: Portal, kid: str, secret: str) -> None:
        self.portal, self.kid, self.secret = portal, kid, secret
        host, port = portal.authority.split(":")
        self.address = (host, int(port))

    def signed(self, path: str = DEBITS, body: bytes = b"", **terms: Any) -> dict[str, str]:
        """Headers of a request signed now."""
        now = int(time.time())
        values = {
            "method": "POST", "authority": self.portal.authority, "path": path, "body": body,
            "kid": self.kid, "secret": self.secret, "created": now, "expires": now + 60,
            "nonce": new_key(), "idempotency_key": new_key(), **terms,
        }  # fmt: skip
        return signing.sign(**values)

    def send(self, target: str, headers: dict[str, str], body: bytes, method: str = "POST") -> Any:
        """Status, headers and body of one request as http.client frames it."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found

    def raw(self, head: str, body: bytes = b"") -> int:
        """Status of a request whose head is sent as it is; 0 if the server just hung up."""
        with socket.create_connection(self.address, timeout=30) as plug:
            plug.sendall(head.encode("latin-1") + b"\r\n\r\n" + body)
            plug.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := plug.recv(65_536):
                answer += chunk
        found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        return int(found[1]) if found else 0

    def debit(self, quantity: int = 1, task: str = "", key: str = "") -> Any:
        body = members(quantity, task or new_key())
        headers = self.signed(body=body, idempotency_key=key or new_key())
        return self.send(DEBITS, headers, body)


def members(quantity: int, task: str) -> bytes:
    reference = {"type": "task", "id": task}
    asked = {"account": "acme", "operation": "generate", "quantity": quantity}
    return json.dumps({**asked, "reference": reference}).encode()


@pytest.fixture
def wire(config: Config, tmp_path: Path) -> Iterator[Wire]:
    """The portal under gunicorn with three workers, a service, and acme with 1,000 credits."""
    now = utc_now()
    with opened(config, Clock(now)):
        database = Database(config)
        key = database.run(
            lambda connection: issue_key(connection, service="tts", scopes=SCOPES, now=now)
        )
        database.dispose()
    secret = signing.derive_secret(config.secret_key, key.kid)
    with serving(config, tmp_path, workers=3) as portal:
        made = Wire(portal, key.kid, secret)
        body = json.dumps({"name": "Acme", "tier": "free"}).encode()
        path = f"{ROOT}/accounts/acme"
        headers = made.signed(path, body, method="PUT", idempotency_key=None)
        status, _, answer = made.send(path, headers, body, "PUT")
        assert status == 201, answer
        yield made


@pytest.fixture
def vault(wire: Wire) -> Iterator[Database]:
    database = Database(wire.portal.config)
    yield database
    database.dispose()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_only_the_plain_spelling_of_a_signed_path_is_taken(wire: Wire, vault: Database) -> None:
    before = digest_of(vault)
    body = members(1, "job-1")
    headers = wire.signed(body=body)
    for target, wanted in {
        f"{ROOT}/%64ebits": {401},
        f"{ROOT}/x/%2e%2e/debits": {401, 404},
        f"{ROOT}/x/../debits": {401, 404},
        f"{ROOT}/debits%00": {401, 404},
        f"/{DEBITS}": {401, 404, 308},
        f"{DEBITS}/": {404},
        f"{DEBITS}?x=1": {400},
        f"{DEBITS}?": {401},
        f"{DEBITS}#x": {400, 401},
        f"http://{wire.portal.authority}{DEBITS}": {401},
        f"http://evil.example{DEBITS}": {400, 401},
        f"{ROOT}/holds": {401},
        f"{ROOT}/refunds": {401},
    }.items():
        status, _, answer = wire.send(target, headers, body)
        assert status in wanted, (target, status, answer)
    assert digest_of(vault) == before
    assert wire.send(DEBITS, headers, body)[0] == 201


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_odd_framing_is_refused_and_does_nothing(wire: Wire, vault: Database) -> None:
    body = members(1, "job-1")
    signed = wire.signed(body=body)
    lines = {name: f"{name}: {value}" for name, value in signed.items()}
    length = f"Content-Length: {len(body)}"
    host = f"Host: {wire.portal.authority}"

    def head(*more: str, without: str = "", start: str = f"POST {DEBITS} HTTP/1.1") -> str:
        kept = [line for name, line in lines.items() if name != without]
        return "\r\n".join([start, "Connection: close", *kept, *more])

    before = digest_of(vault)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    fold = signed["Signature-Input"].replace(";nonce", "\r\n ;nonce")
    twice = signed["Signature"]
    cases = {
        "chunked": (head(host, "Transfer-Encoding: chunked"), chunked, {400}),
        "both": (head(host, length, "Transfer-Encoding: chunked"), chunked, {400}),
        "two-lengths": (head(host, length, "Content-Length: 1"), body, {400}),
        "two-hosts": (head(host, length, "Host: evil.example"), body, {400}),
        "foreign-host": (head("Host: evil.example", length), body, {400}),
        "negative": (head(host, "Content-Length: -1"), body, {400}),
        "huge": (head(host, "Content-Length: 99999999999999"), body, {400, 413}),
        "short": (head(host, f"Content-Length: {len(body) + 9}"), body, {400}),
        "no-length": (head(host), body, {400, 401}),
        "twice-signed": (head(host, length, f"Signature: {twice}"), body, {401}),
        "two-inputs": (head(host, length, lines["Signature-Input"]), body, {401}),
        "two-digests": (head(host, length, lines["Content-Digest"]), body, {401}),
        "two-keys": (head(host, length, lines["Idempotency-Key"]), body, {401}),
        "two-types": (head(host, length, "Content-Type: text/plain"), body, {400, 401}),
        "underscore": (head(host, length, f"Content_Digest: {signed['Content-Digest']}",
                            without="Content-Digest"), body, {400, 401}),
        "folded": (head(host, length, f"Signature-Input: {fold}", without="Signature-Input"),
                   body, {400, 401}),
        "tab": (head(host, length, f"Signature: {twice}\t;", without="Signature"), body,
                {400, 401}),
        "nul": (head(host, length, f"Signature: {twice}\0", without="Signature"), body,
                {400, 401}),
        "latin-1": (head(host, length, f"Signature: {twice}\xe9", without="Signature"), body,
                    {400, 401}),
        "long": (head(host, length, f"Signature: {'A' * 9000}", without="Signature"), body,
                 {400, 401, 431}),
        "http-1.0": (head(host, length, start=f"POST {DEBITS} HTTP/1.0\r\nX: 1",
                          without="Signature"), body, {401}),
    }  # fmt: skip
    for name, (text, content, wanted) in cases.items():
        status = wire.raw(text, content)
        assert status in wanted, (name, status)
        assert digest_of(vault) == before, name
    assert wire.raw(head(host, length), body) == 201


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_ten_megabytes_are_refused_and_the_connection_goes_on(wire: Wire) -> None:
    body = b" " * 10_000_000
    connection = http.client.HTTPConnection(*wire.address, timeout=30)
    connection.request("POST", DEBITS, body, wire.signed(body=body))
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "payload_too_large")
    small = members(1, "job-1")
    connection.request("POST", DEBITS, small, wire.signed(body=small))
    answer = connection.getresponse()
    assert answer.status == 201
    connection.close()


def test_sixty_four_identical_requests_charge_once(wire: Wire) -> None:
    for round_ in range(min(3 * ROUNDS, 900)):
        body = members(1, f"job-{round_}")
        sent = [(DEBITS, wire.signed(body=body), body)] * 64
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda words: wire.send(*words), sent))
        statuses = Counter(status for status, _, _ in answers)
        assert set(statuses) <= {201, 409}
        made = [(found, text) for status, found, text in answers if status == 201]
        fresh = [text for found, text in made if "Idempotency-Replayed" not in found]
        assert len(fresh) == 1
        assert {text for _, text in made} == set(fresh)
        assert json.loads(fresh[0])["balance"]["posted"] == 1000 - (round_ + 1)


def test_sixty_four_debits_share_what_is_there_exactly(wire: Wire) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda number: wire.debit(50, f"job-{number}"), range(64)))
    statuses = Counter(status for status, _, _ in answers)
    assert statuses == {201: 20, 402: 44}
    balances = [json.loads(text)["balance"] for status, _, text in answers if status == 201]
    assert sorted(balance["posted"] for balance in balances) == list(range(0, 1000, 50))
    assert all(json.loads(text)["shortfall"] == 50 for status, _, text in answers if status == 402)


def test_a_revoked_key_is_out_and_its_successor_in_within_a_second_in_every_worker(
    wire: Wire, vault: Database
) -> None:
    assert {wire.debit()[0] for _ in range(16)} == {201}  # all workers know the key
    with vault.writing() as connection:
        key = find_key(connection, wire.kid)
        assert key is not None
        successor = succeed_key(connection, key, now=utc_now(), overlap=3_600_000_000)
        assert revoke_key(connection, wire.kid, utc_now())
    time.sleep(STALE)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: wire.debit()[0], range(32))) == {401}
    wire.kid = successor.kid
    wire.secret = signing.derive_secret(wire.portal.config.secret_key, successor.kid)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: wire.debit()[0], range(32))) == {201}
