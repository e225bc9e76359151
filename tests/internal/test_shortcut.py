"""The short way answers what the framework's own way answers, byte for byte."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.internal.shortcut import Shortcut
from tests.internal.service import ROOT, Answer, Sent, Service, debit_of

UNTOLD = {"X-Request-Id"}
REFUSAL = re.compile(rb"rfs_[0-9a-f]{32}")
ENTRY = f"ent_{'0' * 32}"
Ask = Callable[[Service], Sent]


def told(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but what no two answers share."""
    headers = [pair for pair in answer.headers if pair[0] not in UNTOLD]
    return answer.status_code, headers, REFUSAL.sub(b"rfs_", answer.data)


def by_framework(app: Any, sent: Sent) -> Answer:
    """What a request is answered without the short way."""
    kept, app.shortcut = app.shortcut, None
    try:
        return sent.send()
    finally:
        app.shortcut = kept


def spoilt(sent: Sent, **headers: str | None) -> Sent:
    """A request with headers changed or left out after it was signed."""
    for name, value in headers.items():
        sent.headers.pop(name.replace("_", "-"), None)
        if value is not None:
            sent.headers[name.replace("_", "-")] = value
    return sent


def of_charge(service: Service) -> str:
    answer = service.debit()
    entry: str = answer.json["entry"]["id"]
    return entry


POSTS: dict[str, Ask] = {
    "debit": lambda s: s.prepare("POST", "/debits", debit_of(5)),
    "hold": lambda s: s.prepare("POST", "/holds", debit_of(5)),
    "capture": lambda s: s.prepare("POST", f"/holds/{s.held()}/capture", {"credits": 7}),
    "release": lambda s: s.prepare("POST", f"/holds/{s.held()}/release", {"reason": "failed"}),
    "extend": lambda s: s.prepare("POST", f"/holds/{s.held()}/extend", {"ttl_seconds": 9}),
    "refund": lambda s: s.prepare("POST", "/refunds", {"entry": of_charge(s), "reason": "failed"}),
    "grant": lambda s: s.prepare(
        "POST",
        "/grants",
        {
            "account": "acme",
            "credits": 5,
            "origin": "goodwill",
            "reference": {"type": "ticket", "id": "t-1"},
        },
    ),
    "too much": lambda s: s.prepare("POST", "/debits", debit_of(10**9)),
    "a hold of too much": lambda s: s.prepare("POST", "/holds", debit_of(10**9)),
    "no such hold": lambda s: s.prepare("POST", "/holds/hld_none/release", {"reason": "failed"}),
    "an odd hold": lambda s: s.prepare("POST", "/holds/hld~odd/release", {"reason": "failed"}),
    "no such entry": lambda s: s.prepare("POST", "/refunds", {"entry": ENTRY, "reason": "failed"}),
    "not JSON": lambda s: s.prepare("POST", "/debits", b"{"),
    "unknown members": lambda s: s.prepare("POST", "/debits", debit_of(5, price=1)),
    "unknown operation": lambda s: s.prepare("POST", "/debits", debit_of(5, operation="sing")),
    "no such path": lambda s: s.prepare("POST", "/credits", {}),
    "a query": lambda s: s.prepare("POST", "/debits", debit_of(5), query="x=1"),
    "no key": lambda s: s.prepare("POST", "/debits", debit_of(5), idempotency_key=None),
    "another digest": lambda s: spoilt(
        s.prepare("POST", "/debits", debit_of(5)), Content_Digest="sha-256=:AA==:"
    ),
    "no signature": lambda s: spoilt(s.prepare("POST", "/debits", debit_of(5)), Signature=None),
    "text": lambda s: s.prepare("POST", "/debits", debit_of(5), content_type="text/plain"),
    "too long": lambda s: s.prepare("POST", "/debits", b" " * 20_000),
    "no such account": lambda s: s.prepare("POST", "/debits", debit_of(5) | {"account": "none"}),
}


@pytest.mark.parametrize("ask", POSTS.values(), ids=POSTS)
def test_both_ways_answer_the_same(app: Flask, service: Service, ask: Ask) -> None:
    """Whatever is new is asked first, so that each way replays it."""
    sent = ask(service)
    first = sent.send()
    assert told(sent.send()) == told(by_framework(app, sent))
    fresh = by_framework(app, ask(service))
    assert (first.status_code, set(first.headers.keys())) == (
        fresh.status_code,
        set(fresh.headers.keys()),
    )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_host_that_is_not_trusted_is_answered_the_same(app: Flask, service: Service) -> None:
    app.config["TRUSTED_HOSTS"] = ["credits.internal"]
    for host, trusted in (("credits.internal", True), ("evil.example", False), ("a b", False)):
        sent = service.prepare("POST", "/debits", debit_of(5))
        sent.host = host
        answer = by_framework(app, sent)
        assert (answer.status_code == 201) is trusted
        assert told(sent.send())[0::2] == told(by_framework(app, sent))[0::2]


def test_it_is_the_way_of_plain_posts_alone(app: Flask) -> None:
    shortcut = Shortcut(app)

    def finds(path: str, method: str = "POST", **more: Any) -> str | None:
        known = {"wsgi.url_scheme": "http", "HTTP_HOST": "localhost", **more}
        way = shortcut.find({"REQUEST_METHOD": method, "PATH_INFO": path, **known})
        return way and way.rule.endpoint

    app.config["TRUSTED_HOSTS"] = ["localhost"]
    assert finds(f"{ROOT}/debits") == "internal.post_debit"
    assert finds(f"{ROOT}/holds/hld_1/capture") == "internal.capture_hold"
    for path in ("/debits", f"{ROOT}/holds//capture", f"{ROOT}/holds/a/b/capture", "/login", ""):
        assert finds(path) is None
    assert finds(f"{ROOT}/debits", "GET") is None
    assert finds(f"{ROOT}/debits", "pOST") is None
    assert finds(f"{ROOT}/debits", SCRIPT_NAME="/x") is None
    assert finds(f"{ROOT}/debits", HTTP_HOST="evil.example") is None
    assert finds(f"{ROOT}/debits", HTTP_HOST=None) is None


def test_posts_really_take_it(app: Any, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    answer = Shortcut.answer

    def noting(shortcut: Shortcut, way: Any, *more: Any) -> Any:
        taken.append(way.rule.endpoint)
        return answer(shortcut, way, *more)

    monkeypatch.setattr(Shortcut, "answer", noting)
    assert service.debit().status_code == 201
    assert service.get("/accounts/acme").status_code == 200
    assert taken == ["internal.post_debit"]
