"""Debits over the door: charged once, replayed to the byte, refused with numbers."""

from typing import Any

import pytest
from flask import Flask

from portal.database import Database
from tests.internal.service import BESIDE, Clock, Service, debit_of, digest_of, issue, new_key

CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"quantity": 101}, ["quantity"]),
    ({"account": "other"}, ["account"]),
    ({"operation": "design", "quantity": 1}, ["operation", "quantity"]),
    ({"reference": {"type": "task", "id": "job-2"}}, ["reference"]),
    ({"labels": {"a": "b"}}, ["labels"]),
]


def test_a_debit_is_charged_and_explained(service: Service) -> None:
    answer = service.debit(
        1204, "job-7", labels={"voice": "Ada"}, metadata={"take": 2, "draft": False}
    )
    assert answer.status_code == 201, answer.text
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Idempotency-Replayed" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    entry, balance = answer.json["entry"], answer.json["balance"]
    assert list(answer.json) == ["entry", "balance"]
    assert list(entry) == [
        "id", "account", "seq", "kind", "amount", "hold_amount", "posted_after", "held_after",
        "reason", "reference", "operation", "quantity", "tariff", "hold", "reverses", "draws",
        "labels", "metadata", "occurred_at", "recorded_at", "hash",
    ]  # fmt: skip
    assert entry["kind"] == "debit"
    assert (entry["amount"], entry["hold_amount"]) == (-1204, 0)
    assert entry["reference"] == {"type": "task", "id": "job-7"}
    assert entry["labels"] == {"voice": "Ada"}
    assert entry["metadata"] == {"draft": False, "take": 2}
    assert entry["occurred_at"] == entry["recorded_at"] == "2026-11-22T13:52:00.250000Z"
    assert sum(draw["amount"] for draw in entry["draws"]) == -1204
    assert balance == {
        "account": "acme",
        "posted": 100_000 - 1204,
        "held": 0,
        "available": 100_000 - 1204,
        "seq": entry["seq"],
    }


@pytest.mark.gate
def test_the_same_bytes_a_hundred_times_charge_once(service: Service) -> None:
    sent = service.prepare("POST", "/debits", debit_of(100))
    first = sent.send()
    assert first.status_code == 201
    for _ in range(99):
        again = sent.send()
        assert again.status_code == 201
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.data == first.data
    assert service.get("/accounts/acme/balance").json["balance"]["posted"] == 99_900


@pytest.mark.gate
def test_after_its_window_the_same_bytes_are_refused(service: Service, clock: Clock) -> None:
    sent = service.prepare("POST", "/debits", debit_of(100))
    assert sent.send().status_code == 201
    clock.advance(seconds=91)
    answer = sent.send()
    assert answer.status_code == 401
    assert answer.json["code"] == "signature_expired"
    assert answer.json["server_time"] == "2026-11-22T13:53:31.250000Z"


@pytest.mark.gate
def test_the_same_key_signed_anew_400_days_later_gets_the_same_bytes(
    service: Service, app: Flask, clock: Clock
) -> None:
    key, members = new_key(), debit_of(100)
    first = service.post("/debits", members, key=key)
    clock.advance(seconds=400 * 86_400)
    again = service.post("/debits", members, key=key)
    assert again.status_code == 201, again.text
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.gate
def test_the_same_key_for_another_request_names_what_differs(
    service: Service, vault: Database
) -> None:
    key, members = new_key(), debit_of(100, "job-1")
    assert service.post("/debits", members, key=key).status_code == 201
    before = digest_of(vault)
    for changed, named in CHANGES:
        answer = service.post("/debits", {**members, **changed}, key=key)
        assert answer.status_code == 422
        assert answer.json["code"] == "idempotency_key_reused"
        assert answer.json["members"] == named
        assert answer.json["key"] == key
    answer = service.post("/holds", members, key=key)
    assert (answer.status_code, answer.json["members"]) == (422, ["command"])
    answer = service.post("/refunds", {"entry": "ent_" + "0" * 32, "reason": "failed"}, key=key)
    assert answer.status_code == 422
    assert digest_of(vault) == before


def test_members_in_another_order_are_the_same_request(service: Service) -> None:
    key, members = new_key(), debit_of(100)
    first = service.post("/debits", members, key=key)
    again = service.post("/debits", dict(reversed(members.items())), key=key)
    assert again.data == first.data


@pytest.mark.gate
def test_keys_of_services_are_their_own(service: Service, app: Flask, clock: Clock) -> None:
    other, key = issue(app, clock, "design"), new_key()
    assert service.post("/debits", debit_of(1), key=key).status_code == 201
    answer = other.post("/debits", debit_of(2), key=key)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_two_keys_of_one_service_share_its_idempotency_keys(
    service: Service, app: Flask, clock: Clock
) -> None:
    second, key, members = issue(app, clock, "tts"), new_key(), debit_of(1)
    assert second.key.kid != service.key.kid
    first = service.post("/debits", members, key=key)
    assert second.post("/debits", members, key=key).data == first.data


@pytest.mark.gate
def test_one_job_is_charged_once_whatever_the_key(service: Service, vault: Database) -> None:
    first = service.debit(100, "job-1")
    before = digest_of(vault)
    answer = service.debit(100, "job-1")
    assert answer.status_code == 409
    assert answer.json["code"] == "already_charged"
    assert answer.json["original"] == first.json["entry"]["id"]
    assert digest_of(vault) == before


@pytest.mark.gate
def test_a_debit_without_credits_is_refused_with_numbers_and_stays_refused(
    service: Service,
) -> None:
    assert service.debit(49_000).status_code == 201
    assert service.held(10_000)
    members = debit_of(50_000)
    key = new_key()
    first = service.post("/debits", members, key=key)
    assert first.status_code == 402
    assert first.content_type == "application/problem+json"
    told = first.json
    assert (told["code"], told["retryable"]) == ("insufficient_credits", False)
    assert (told["required"], told["available"], told["held"]) == (50_000, 41_000, 10_000)
    assert told["shortfall"] == 9_000
    assert told["next_allocation_at"].endswith("Z")
    assert told["instance"] == "/internal/v1/debits"
    grant = {
        "account": "acme", "credits": 90_000, "origin": "purchase",
        "reference": {"type": "payment", "id": "pay-1"},
    }  # fmt: skip
    assert service.post("/grants", grant).status_code == 201
    again = service.post("/debits", members, key=key)
    assert (again.status_code, again.data) == (402, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert service.post("/debits", members).status_code == 201


def test_late_usage_is_taken_for_35_days(service: Service) -> None:
    answer = service.debit(10, occurred_at="2026-11-01T00:00:00Z")
    assert answer.status_code == 201, answer.text
    assert answer.json["entry"]["occurred_at"] == "2026-11-01T00:00:00.000000Z"
    assert answer.json["entry"]["recorded_at"] == "2026-11-22T13:52:00.250000Z"
    for at in ("2026-10-01T00:00:00Z", "2026-11-22T13:53:00Z"):
        answer = service.debit(10, occurred_at=at)
        assert answer.status_code == 422
        assert answer.json["code"] == "validation"
        assert answer.json["members"][0]["member"] == "occurred_at"
        assert answer.json["members"][0]["got"].startswith(at[:19])


def test_unknown_operations_and_accounts_are_named(service: Service, vault: Database) -> None:
    before = digest_of(vault, without=BESIDE)
    answer = service.debit(1, operation="sing")
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_operation")
    assert answer.json["operation"] == "sing"
    assert "generate" in answer.json["known"]
    answer = service.debit(1, account="nobody")
    assert (answer.status_code, answer.json["code"]) == (404, "account_not_found")
    assert answer.json["account"] == "nobody"
    assert digest_of(vault, without=BESIDE) == before


def test_an_overdraft_is_lent_to_the_credit(service: Service) -> None:
    assert service.put("/accounts/beta", {"name": "Beta", "tier": "scale"}).status_code == 201
    for quantity in (200_000, 200_000, 150_000):
        assert service.debit(quantity, account="beta").status_code == 201
    assert service.get("/accounts/beta").json["balance"]["available"] == -50_000
    refused = service.debit(1, account="beta")
    assert (refused.status_code, refused.json["code"]) == (402, "insufficient_credits")
    assert (refused.json["available"], refused.json["spendable"]) == (-50_000, 0)
    payment = {"type": "payment", "id": "pay-1"}
    bought = {"account": "beta", "credits": 50_001, "origin": "purchase", "reference": payment}
    assert service.post("/grants", bought).json["balance"]["available"] == 1
