"""What is plain is read as the server's own parser reads it, and all else is left to that."""

import random
import re
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn import http
from gunicorn.config import Config as Settings
from gunicorn.http import wsgi
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.requests import Signer
from portal.cli.plain import read_plain, spoken

BODY = b'{"account":"acme"}'
HEAD = b"POST /internal/v1/debits HTTP/1.1\r\n"
CLIENT, SERVER = ("127.0.0.1", 4711), ("127.0.0.1", 80)
# What the server adds of itself, of the connection, or as an object of its own.
SERVERS = re.compile(r"wsgi\.(?!url_scheme|input$).*|gunicorn\..*|SERVER_(?!PROTOCOL).*|REMOTE_.*")


def request(*lines: bytes, body: bytes = BODY, head: bytes = HEAD) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return (
        head + b"Host: x\r\n" + b"".join(line + b"\r\n" for line in lines) + length + b"\r\n" + body
    )


def by_server(said: bytes) -> dict[str, Any]:
    """The environ that gunicorn makes of a request. Raises what it refuses it with."""
    cfg = Settings()
    cfg.set("forwarded_allow_ips", "")
    cfg.set("forwarder_headers", "")
    parsed = next(http.get_parser(cfg, iter((said,)), CLIENT))
    environ = wsgi.create(parsed, SimpleNamespace(), CLIENT, SERVER, cfg)[1]
    body = environ["wsgi.input"].read()
    found = {name: value for name, value in environ.items() if not SERVERS.fullmatch(name)}
    return {**found, "wsgi.input": body}


def by_us(said: bytes) -> dict[str, Any] | None:
    plain = read_plain(said)
    if plain is None:
        return None
    return {**plain.environ, "wsgi.input": plain.environ["wsgi.input"].read()}


def poll(*lines: bytes, target: bytes = b"/usage?period=30d") -> bytes:
    cookie = b"Cookie: portal=x"
    said = [b"GET " + target + b" HTTP/1.1", b"Host: x", b"HX-PTag: a.1.1.1", cookie, *lines]
    return b"\r\n".join([*said, b"", b""])


PLAIN = [
    request(),
    request(body=b""),
    request(b"Connection: keep-alive"),
    request(b"connection: Close"),
    request(b"X-Forwarded-Proto: https", b"X-Forwarded-For: 10.0.0.1, 10.0.0.2"),
    request(b"X-Odd: a \t b".replace(b"\t", b"-")),
    request(b"Accept: */*", b"User-Agent: speech/1.0 (x; y)", b'Idempotency-Key: "k-1"'),
    *Signer("127.0.0.1:80", "bench-202611a", "x" * 43).debits(["acme"], 12),
    request(head=HEAD.replace(b"debits", b"debits?x=1")),
    poll(),
    poll(b"Connection: close", b'sec-ch-ua: "Not:A-Brand";v="8"', b"sec-ch-ua-mobile: ?0"),
    poll(target=b"/usage?period=2026-11-01..2026-11-22&by=key"),
    poll(b"Content-Length: 0"),
]


@pytest.mark.parametrize("said", PLAIN)
def test_a_plain_request_is_read_as_the_server_reads_it(said: bytes) -> None:
    assert by_us(said) == by_server(said)


def test_it_is_as_long_as_it_says() -> None:
    said = request()
    for more in (b"", b"P", request(body=b"other")):
        plain = read_plain(said + more)
        assert plain is not None
        assert (plain.size, plain.environ["wsgi.input"].read()) == (len(said), BODY)


@pytest.mark.parametrize(("connection", "stays"), [("keep-alive", True), ("close", False)])
def test_a_client_says_whether_it_stays(connection: str, stays: bool) -> None:
    plain = read_plain(request(f"Connection: {connection}".encode()))
    assert plain is not None
    assert plain.stays is stays


ODD = {
    "nothing": b"",
    "cut short": request()[:-1],
    "no end": request().partition(b"\r\n\r\n")[0],
    "another method": request(head=HEAD.replace(b"POST", b"PUT")),
    "elsewhere": request(head=b"POST /login HTTP/1.1\r\n"),
    "an older protocol": request(head=HEAD.replace(b"1.1", b"1.0")),
    "a batch": request(head=HEAD.replace(b"debits", b"batch")),
    "an odd query": request(head=HEAD.replace(b"debits", b"debits?x=%31")),
    "two queries": request(head=HEAD.replace(b"debits", b"debits?x=1?y=2")),
    "an empty query": request(head=HEAD.replace(b"debits", b"debits?")),
    "a fragment": request(head=HEAD.replace(b"debits", b"debits#x")),
    "another page": poll(target=b"/ledger?period=30d"),
    "a page without a query": poll(target=b"/usage"),
    "a page with an empty one": poll(target=b"/usage?"),
    "a page with an escape": poll(target=b"/usage?period=%37d"),
    "a poll by another method": poll().replace(b"GET", b"HEAD"),
    "a poll that is cut short": poll()[:-1],
    "a poll with less than it says": poll(b"Content-Length: 5"),
    "a poll in chunks": poll(b"Transfer-Encoding: chunked"),
    "two tags": poll(b"HX-PTag: b.1.1.1"),
    "an escape": request(head=HEAD.replace(b"debits", b"%64ebits")),
    "two blanks": request(head=HEAD.replace(b"POST ", b"POST  ")),
    "an absolute address": request(head=HEAD.replace(b"/int", b"http://x/int", 1)),
    "two hosts": request(b"Host: y"),
    "no host": request().replace(b"Host: x\r\n", b""),
    "two lengths": request(b"Content-Length: 18"),
    "a signed length": request().replace(b"Content-Length: ", b"Content-Length: +"),
    "two in one": request().replace(b"Content-Length: 18", b"Content-Length: 18, 18"),
    "no length": request().replace(b"Content-Length", b"X-Length"),
    "chunked": request(b"Transfer-Encoding: chunked"),
    "expecting": request(b"Expect: 100-continue"),
    "upgrading": request(b"Upgrade: h2c"),
    "upgrading quietly": request(b"Connection: Upgrade"),
    "a proxy for all": request(b"Proxy: http://x"),
    "signed twice": request(b"Signature: a", b"Signature: b"),
    "an underscore": request(b"Content_Digest: x"),
    "folded": request(b"X-Long: a\r\n b"),
    "a blank before": request(b"X-Odd:  a"),
    "a blank behind": request(b"X-Odd: a "),
    "a blank in a name": request(b"X Odd: a"),
    "no blank": request(b"X-Odd:a"),
    "no name": request(b": a"),
    "no value": request(b"X-Odd: "),
    "NUL": request(b"X-Odd: a\0"),
    "a tab": request(b"X-Odd: a\tb"),
    "Latin": request(b"X-Odd: \xe9"),
    "a line feed": request(b"X-Odd: a\nX-Other: b"),
    "a carriage return": request(b"X-Odd: a\rX-Other: b"),
    "very long": request(b"X-Odd: " + b"a" * 5_000),
    "very many": request(*[b"X-%d: a" % number for number in range(50)]),
}


@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
def test_what_is_odd_is_not_plain(said: bytes) -> None:
    assert read_plain(said) is None


PIECES = [
    b"Host: x", b"Host: y", b"Content-Length: 18", b"content-length: 5", b"Content-Length: 018",
    b"Connection: close", b"Connection: keep-alive, close", b"Connection: foo",
    b"Transfer-Encoding: chunked", b"X-A: 1", b"x-a: 2", b"X-B:  3", b"X-C: \x80", b"X-D: 4 ",
    b"Content-Type: application/json", b"Signature: sig1=:aa:", b"X_E: 5", b" folded", b"X-F:",
    b"Cookie: a=b", b"TE: trailers", b"HTTP2-Settings: x", b"SCRIPT-NAME: /x", b"PATH-INFO: /y",
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    lines=st.lists(st.sampled_from(PIECES), max_size=6),
    path=st.sampled_from(
        [
            b"POST /internal/v1/debits",
            b"POST /internal/v1//debits",
            b"POST /internal/v1/a.b~c",
            b"POST /internal/v1/debits?a=b",
            b"GET /usage?period=30d",
            b"GET /usage?a=b:c&&d",
        ]
    ),
    end=st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]),
    body=st.binary(max_size=30),
)
def test_whatever_is_plain_the_server_reads_alike(
    lines: list[bytes], path: bytes, end: bytes, body: bytes
) -> None:
    said = path + b" HTTP/1.1" + end + end.join([*lines, b"", b""]) + body
    plain = read_plain(said)
    if plain is not None:
        assert by_us(said) == by_server(said[: plain.size])


def test_whatever_byte_is_changed_what_stays_plain_is_read_alike() -> None:
    chance = random.Random(20261127)
    read = 0
    for said in PLAIN:
        for _ in range(400):
            place = chance.randrange(len(said))
            changed = said[:place] + bytes([chance.randrange(256)]) + said[place + 1 :]
            plain = read_plain(changed)
            if plain is not None:
                read += 1
                assert by_us(changed) == by_server(changed[: plain.size])
    assert read > 500


def test_an_answer_says_what_the_server_would() -> None:
    headers = [("Content-Type", "application/json"), ("Content-Length", "2")]
    answer = spoken("201 CREATED", headers, b"{}", stays=True)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 201 CREATED"
    assert lines[1].startswith(b"Server: ")
    assert lines[2].startswith(b"Date: ")
    assert lines[3:] == [b"Connection: keep-alive", b"Content-Type: application/json",
                         b"Content-Length: 2"]  # fmt: skip
    assert body == b"{}"


def test_an_answer_without_a_length_gets_one() -> None:
    answer = spoken("200 OK", [], b"four", stays=False)
    assert b"\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfour" in answer


def test_who_is_told_that_nothing_is_new_is_told_no_length() -> None:
    answer = spoken("304 NOT MODIFIED", [("HX-PTag", "a.1.1.1")], b"", stays=True)
    assert answer.endswith(b"Connection: keep-alive\r\nHX-PTag: a.1.1.1\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\n", "é", "\0"])
def test_a_header_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(ValueError, match="not plain"):
        spoken("200 OK", [("X-Odd", value)], b"", stays=True)
