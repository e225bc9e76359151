"""What one key may ask for: its operations, units of a request, units of a day."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from portal import ledger
from portal.database import Database
from tests.internal.service import Clock, Service, debit_of, digest_of, issue, new_key


def test_a_key_asks_for_its_own_operations_only(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    narrow = issue(app, clock, "narrow", operations=("design",))
    before = digest_of(vault)
    for ask in (narrow.debit, narrow.hold):
        answer = ask(1)
        assert (answer.status_code, answer.json["code"]) == (403, "scope_denied")
        assert answer.json["operations"] == ["design"]
    quote = {"account": "acme", "operation": "generate", "quantity": 1}
    assert narrow.post("/quotes", quote).status_code == 403
    assert digest_of(vault) == before
    assert narrow.debit(1, operation="design").status_code == 201


def test_a_key_has_a_cap_for_each_request(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    narrow = issue(app, clock, "narrow", max_units=100)
    grant = {
        "account": "acme", "credits": 101, "origin": "purchase",
        "reference": {"type": "payment", "id": "pay-1"},
    }  # fmt: skip
    before = digest_of(vault)
    for answer in (narrow.debit(101), narrow.hold(101), narrow.post("/grants", grant)):
        assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
        told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
        assert told == ("max_units", 100, 101)
    assert digest_of(vault) == before
    assert narrow.debit(100).status_code == 201
    hold = narrow.held(100)
    answer = narrow.post(f"/holds/{hold}/extend", {"ttl_seconds": 60, "quantity": 101})
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")


def test_a_key_has_a_cap_for_each_day(service: Service, app: Flask, clock: Clock) -> None:
    narrow = issue(app, clock, "narrow", daily_units=100)
    key, members = new_key(), debit_of(60)
    first = narrow.post("/debits", members, key=key)
    assert first.status_code == 201
    assert narrow.post("/debits", members, key=key).data == first.data  # counts once
    assert narrow.debit(1, account="nobody").status_code == 404  # counts for nothing
    assert narrow.hold(40).status_code == 201
    answer = narrow.debit(1)
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
    assert told == ("daily_units", 100, 1)
    assert answer.json["retry_after"] == int(answer.headers["Retry-After"]) == 36_480
    assert narrow.post("/debits", members, key=key).data == first.data  # its outcome stays
    clock.advance(seconds=36_480)
    assert narrow.debit(100).status_code == 201
    assert narrow.debit(101).status_code == 403


def test_what_an_extension_asks_for_counts_for_the_day(
    service: Service, app: Flask, clock: Clock
) -> None:
    narrow = issue(app, clock, "narrow", daily_units=100)
    extend = f"/holds/{narrow.held(40)}/extend"
    answer = narrow.post(extend, {"ttl_seconds": 60, "quantity": 101})
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    assert (answer.json["cap"], answer.json["requested"]) == ("daily_units", 61)
    key, members = new_key(), {"ttl_seconds": 60, "quantity": 100}
    first = narrow.post(extend, members, key=key)
    assert first.status_code == 201
    assert narrow.post(extend, members, key=key).data == first.data  # counts once
    assert narrow.post(extend, {"ttl_seconds": 90}).status_code == 201  # time costs no units
    assert narrow.debit(1).json["cap"] == "daily_units"


def test_a_key_touches_holds_of_its_own_operations_only(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    narrow = issue(app, clock, service.key.service, operations=("design",))
    hold = service.held(10)
    before = digest_of(vault)
    for what, members in (
        ("capture", {"credits": 1}),
        ("release", {"reason": "failed"}),
        ("extend", {"ttl_seconds": 60}),
    ):
        answer = narrow.post(f"/holds/{hold}/{what}", members)
        assert (answer.status_code, answer.json["code"]) == (403, "scope_denied")
        assert answer.json["operations"] == ["design"]
        assert narrow.post(f"/holds/hld_{0:032}/{what}", members).status_code == 404
    assert digest_of(vault) == before
    own = narrow.held(1, operation="design")
    assert narrow.post(f"/holds/{own}/capture", {"credits": 0}).status_code == 201


def test_many_requests_at_once_do_not_pass_the_cap_of_the_day_together(
    service: Service, app: Flask, clock: Clock
) -> None:
    narrow = issue(app, clock, "narrow", daily_units=100)
    prepared = [narrow.prepare("POST", "/debits", debit_of(30)) for _ in range(8)]
    for sent in prepared:
        sent.client = app.test_client()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda sent: sent.send().status_code, prepared))
    assert sorted(answers) == [201] * 3 + [403] * 5


def test_units_are_given_back_when_the_ledger_fails(
    service: Service, app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = issue(app, clock, "narrow", daily_units=100)
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "post", fail)
        assert narrow.debit(100).status_code == 503
    assert narrow.debit(100).status_code == 201


def fail(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")
