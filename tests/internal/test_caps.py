"""What one key may ask for: its operations, units of a request, units of a day."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from portal import ledger, pricing
from portal.database import Database
from portal.internal.keys import Cap
from tests.internal.service import BESIDE, Clock, Service, debit_of, digest_of, issue, new_key


def test_a_key_asks_for_its_own_operations_only(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    narrow = issue(app, clock, "narrow", operations=("design",))
    before = digest_of(vault)
    for ask in (narrow.debit, narrow.hold):
        answer = ask(1)
        assert (answer.status_code, answer.json["code"]) == (403, "scope_denied")
        assert answer.json["operations"] == ["design"]
        assert answer.json["detail"] == (
            "This key was not issued for the operation generate, but for design."
        )
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
    assert narrow.debit(101).json["detail"] == (
        "This key may ask for 100 characters in one request, and this asks for 101."
    )
    assert narrow.debit(101, operation="clone").json["detail"] == (
        "This key may ask for 100 voices in one request, and this asks for 101."
    )
    assert narrow.post("/grants", grant).json["detail"] == (
        "This key may ask for 100 credits in one request, and this asks for 101."
    )
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
    assert answer.json["detail"] == "This key may ask for 100 units a day, and this passes them."
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


def overflowing(service: Service, vault: Database, clock: Clock) -> None:
    """A price list by which captures of `generate` may take more than is held."""
    held = "hold_ttl_seconds = 900\n"
    text = (
        pricing.shipped_tariff()
        .document.replace('name = "2026-01"', 'name = "2026-11"')
        .replace("2026-01-01T00:00:00Z", "2026-11-22T13:53:00Z")
        .replace(held, f'{held}over_capture = "overflow"\n', 1)
    )
    tariff = pricing.parse_tariff(text, "tests")
    vault.run(
        lambda connection: ledger.publish_tariff(
            connection, tariff, now=clock.now, published_by="tests"
        )
    )
    clock.advance(seconds=60)


def test_what_a_capture_takes_beyond_its_hold_counts_for_the_day(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    overflowing(service, vault, clock)
    narrow = issue(app, clock, "narrow", daily_units=100)
    capture = f"/holds/{narrow.held(40)}/capture"
    before = digest_of(vault)
    answer = narrow.post(capture, {"credits": 101})
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
    assert told == ("daily_units", 100, 61)
    assert digest_of(vault) == before
    key, members = new_key(), {"credits": 90, "final": False}
    first = narrow.post(capture, members, key=key)
    assert first.status_code == 201, first.text
    assert narrow.post(capture, members, key=key).data == first.data  # counts once
    assert narrow.debit(11).json["cap"] == "daily_units"
    assert narrow.debit(10).status_code == 201
    assert narrow.post(capture, members, key=key).data == first.data  # its outcome stays
    assert narrow.post(capture, {"credits": 1}).json["cap"] == "daily_units"
    assert narrow.post(capture, {"credits": 0}).status_code == 201


def test_what_a_capture_takes_beyond_its_hold_counts_for_the_request(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    overflowing(service, vault, clock)
    narrow = issue(app, clock, "narrow", max_units=100)
    hold = narrow.held(40, ttl_seconds=60)
    before = digest_of(vault)
    answer = narrow.post(f"/holds/{hold}/capture", {"credits": 101})
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
    assert told == ("max_units", 100, 101)
    assert digest_of(vault) == before
    key, members = new_key(), {"credits": 100, "final": False}
    first = narrow.post(f"/holds/{hold}/capture", members, key=key)
    assert first.status_code == 201, first.text
    assert narrow.post(f"/holds/{hold}/capture", members, key=key).data == first.data
    late = narrow.held(40, ttl_seconds=1)
    clock.advance(seconds=1)
    answer = narrow.post(f"/holds/{late}/capture", {"credits": 101})
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    assert narrow.post(f"/holds/{late}/capture", {"credits": 100}).status_code == 201


def test_credits_that_a_plan_gives_count_in_the_caps_of_the_key(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    small = issue(app, clock, "small", max_units=30_000)
    daily = issue(app, clock, "daily", daily_units=30_000)
    before = digest_of(vault, without=BESIDE)
    terms = {"name": "Beta", "tier": "pro"}
    for narrow, cap in ((small, "max_units"), (daily, "daily_units")):
        answer = narrow.put("/accounts/beta", terms)
        assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
        told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
        assert told == (cap, 30_000, 100_000)
    assert digest_of(vault, without=BESIDE) == before
    starter = {"name": "Beta", "tier": "starter"}
    assert daily.put("/accounts/beta", starter).status_code == 201
    assert daily.put("/accounts/beta", starter).status_code == 200  # gives nothing
    assert daily.put("/accounts/beta", terms).json["requested"] == 70_000
    assert small.put("/accounts/beta", terms).json["requested"] == 70_000
    assert small.put("/accounts/gamma", starter).status_code == 201
    answer = daily.put("/accounts/delta", {"name": "Delta", "tier": "free"})
    assert answer.json["requested"] == 1_000


def test_a_key_refunds_charges_of_its_own_operations_only(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    narrow = issue(app, clock, service.key.service, operations=("design",))
    charged = service.debit(10).json["entry"]["id"]
    captured = service.post(f"/holds/{service.held(10)}/capture", {"credits": 5}).json["entry"]
    before = digest_of(vault)
    for entry in (charged, captured["id"]):
        answer = narrow.post("/refunds", {"entry": entry, "reason": "failed"})
        assert (answer.status_code, answer.json["code"]) == (403, "scope_denied")
        assert answer.json["operations"] == ["design"]
    assert digest_of(vault) == before
    own = narrow.debit(1, operation="design").json["entry"]["id"]
    assert narrow.post("/refunds", {"entry": own, "reason": "failed"}).status_code == 201
    unknown = {"entry": f"ent_{0:032}", "reason": "failed"}
    assert narrow.post("/refunds", unknown).status_code == 404


def test_a_key_has_caps_for_single_operations(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    caps = (Cap("clone", 1, 2), Cap("generate", None, 100), Cap("design", 5, None))
    narrow = issue(app, clock, "narrow", caps=caps, daily_units=150)
    before = digest_of(vault, without=BESIDE)
    answer = narrow.debit(2, operation="clone")
    assert (answer.status_code, answer.json["code"]) == (403, "key_cap")
    told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
    assert told == ("max_units", 1, 2)
    assert narrow.hold(6, operation="design").json["cap"] == "max_units"
    answer = narrow.debit(101)
    told = (answer.json["cap"], answer.json["maximum"], answer.json["requested"])
    assert (told, answer.json["operation"]) == (("daily_units", 100, 101), "generate")
    assert answer.json["detail"] == (
        "This key may ask for 100 characters a day, and this passes them."
    )
    assert digest_of(vault, without=BESIDE) == before
    for _ in range(2):
        assert narrow.debit(1, operation="clone").status_code == 201
    assert narrow.debit(1, operation="clone").json["maximum"] == 2
    extend = f"/holds/{narrow.held(60)}/extend"
    wider = {"ttl_seconds": 60, "quantity": 101}
    assert narrow.post(extend, wider).json["operation"] == "generate"
    assert narrow.post(extend, {**wider, "quantity": 100}).status_code == 201
    assert narrow.debit(1).json["operation"] == "generate"
    # Of all operations 102 are used: what the rest refuses counts nowhere.
    assert narrow.debit(49, operation="generate.fast").json["code"] == "key_cap"
    assert narrow.debit(48, operation="generate.fast").status_code == 201
    answer = narrow.debit(1, operation="design")
    assert (answer.json["maximum"], "operation" in answer.json) == (150, False)
    clock.advance(seconds=36_480)
    assert narrow.debit(5, operation="design").status_code == 201
    assert narrow.debit(1, operation="clone").status_code == 201


def test_many_requests_at_once_do_not_pass_the_cap_of_an_operation_together(
    service: Service, app: Flask, clock: Clock
) -> None:
    narrow = issue(app, clock, "narrow", caps=(Cap("generate", None, 100),), daily_units=1_000)
    prepared = [narrow.prepare("POST", "/debits", debit_of(30)) for _ in range(8)]
    for sent in prepared:
        sent.client = app.test_client()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda sent: sent.send().status_code, prepared))
    assert sorted(answers) == [201] * 3 + [403] * 5
    assert narrow.debit(11).status_code == 403
    assert narrow.debit(10).status_code == 201
    # What an operation's cap refused is not counted in that of all.
    assert narrow.debit(900, operation="generate.fast").status_code == 201
    assert narrow.debit(1, operation="generate.fast").status_code == 403
