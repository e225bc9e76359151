"""Refunds over the door: back to where the credits came from, never more than was taken."""

from itertools import product

from flask import Flask

from portal import current, ledger
from portal.database import Database
from tests.internal.service import Clock, Service, digest_of, issue, new_key


def charged(service: Service, quantity: int = 100) -> str:
    entry: str = service.debit(quantity).json["entry"]["id"]
    return entry


def test_a_refund_gives_everything_back_and_names_what_it_undoes(service: Service) -> None:
    entry = charged(service)
    answer = service.post("/refunds", {"entry": entry, "reason": "failed"})
    assert answer.status_code == 201, answer.text
    assert list(answer.json) == ["entry", "balance"]
    refund = answer.json["entry"]
    assert (refund["kind"], refund["amount"], refund["reason"]) == ("refund", 100, "failed")
    assert refund["reverses"] == entry
    assert answer.json["balance"]["posted"] == 100_000


def test_parts_are_refunded_until_nothing_is_left(service: Service, vault: Database) -> None:
    entry = charged(service)
    for credits in (30, 30, 40):
        answer = service.post("/refunds", {"entry": entry, "reason": "partial", "credits": credits})
        assert answer.status_code == 201, answer.text
    before = digest_of(vault)
    answer = service.post("/refunds", {"entry": entry, "reason": "partial", "credits": 1})
    assert (answer.status_code, answer.json["code"]) == (409, "refund_exceeds")
    told = answer.json
    assert (told["charged"], told["refunded"], told["refundable"]) == (100, 100, 0)
    assert (told["entry"], told["requested"]) == (entry, 1)
    assert service.post("/refunds", {"entry": entry, "reason": "failed"}).status_code == 409
    assert digest_of(vault) == before


def test_a_refund_is_replayed_to_the_byte(service: Service) -> None:
    members, key = {"entry": charged(service), "reason": "goodwill", "credits": 10}, new_key()
    first = service.post("/refunds", members, key=key)
    assert service.post("/refunds", members, key=key).data == first.data
    assert service.get("/accounts/acme/balance").json["balance"]["posted"] == 99_910


def test_a_capture_is_refunded_by_its_entry(service: Service) -> None:
    capture = service.post(f"/holds/{service.held(100)}/capture", {"credits": 80}).json["entry"]
    answer = service.post("/refunds", {"entry": capture["id"], "reason": "wrong_charge"})
    assert (answer.status_code, answer.json["entry"]["amount"]) == (201, 80)


def test_only_charges_are_refunded(service: Service) -> None:
    placed = service.hold(100).json["entry"]["id"]
    answer = service.post("/refunds", {"entry": placed, "reason": "failed"})
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert answer.json["members"][0]["member"] == "entry"


def test_an_entry_that_is_not_there_is_not_found(service: Service) -> None:
    entry = "ent_" + "0" * 32
    answer = service.post("/refunds", {"entry": entry, "reason": "failed"})
    assert (answer.status_code, answer.json["code"]) == (404, "entry_not_found")
    assert answer.json["entry"] == entry


def test_nothing_tells_an_entry_of_another_service_from_none(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    placed, done, gone = (service.hold(10).json for _ in range(3))
    refunded = charged(service)
    back = service.post("/refunds", {"entry": refunded, "reason": "failed"}).json["entry"]["id"]
    captured = service.post(f"/holds/{done['hold']['id']}/capture", {"credits": 9}).json["entry"]
    released = service.post(f"/holds/{gone['hold']['id']}/release", {"reason": "failed"}).json
    entries = [charged(service), refunded, back, placed["entry"]["id"], captured["id"]]
    entries.append(released["entry"]["id"])
    others = issue(app, clock, "other"), issue(app, clock, "limited", operations=("design",))
    admin = ledger.Actor("admin", "root@example.com")
    before = digest_of(vault)
    nobody_s = "ent_" + "0" * 32
    for other, entry in product(others, entries):
        for more in ({}, {"credits": 1}, {"credits": 1_000}):
            members = {"entry": nobody_s, "reason": "failed", **more}
            nobody = other.post("/refunds", members)
            answer = other.post("/refunds", {**members, "entry": entry})
            assert answer.text == nobody.text.replace(nobody_s, entry)
            assert (answer.status_code, answer.json["code"]) == (404, "entry_not_found")
    assert digest_of(vault) == before
    with app.app_context():
        current.submit(ledger.SetStatus(account_id="acme", status="frozen", actor=admin))
    members = {"entry": entries[0], "reason": "failed"}
    assert others[0].post("/refunds", members).status_code == 404
    assert service.post("/refunds", members).status_code == 423


def test_what_the_ledger_itself_wrote_is_no_charge(service: Service) -> None:
    allocation = service.get("/accounts/acme/entries").json["entries"][0]["id"]
    answer = service.post("/refunds", {"entry": allocation, "reason": "failed"})
    assert (answer.status_code, answer.json["members"][0]["member"]) == (422, "entry")
