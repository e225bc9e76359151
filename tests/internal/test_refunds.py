"""Refunds over the door: back to where the credits came from, never more than was taken."""

from flask import Flask

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


def test_another_service_cannot_refund_it(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    entry, other = charged(service), issue(app, clock, "design")
    before = digest_of(vault)
    answer = other.post("/refunds", {"entry": entry, "reason": "failed"})
    assert (answer.status_code, answer.json["code"]) == (403, "scope_denied")
    assert (answer.json["subject"], answer.json["owner"]) == (entry, "tts")
    assert digest_of(vault) == before
