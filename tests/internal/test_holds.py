"""Holds over the door: place, read, capture, release, extend; each ends exactly once."""

from itertools import product
from typing import Any

import pytest
from flask import Flask

from portal import current, ledger
from portal.database import Database
from tests.internal.service import Clock, Service, debit_of, digest_of, issue, new_key

NOBODY_S = "hld_" + "0" * 32
ENDINGS: list[tuple[str, dict[str, Any]]] = [
    ("capture", {"credits": 1}),
    ("release", {"reason": "failed"}),
    ("extend", {"ttl_seconds": 60}),
]


def test_a_hold_sets_credits_aside(service: Service) -> None:
    answer = service.hold(1000, "job-1", ttl_seconds=60)
    assert answer.status_code == 201, answer.text
    assert list(answer.json) == ["hold", "entry", "balance"]
    hold = answer.json["hold"]
    assert list(hold) == [
        "id", "account", "status", "amount", "captured", "operation", "quantity", "reference",
        "expires_at", "created_at",
    ]  # fmt: skip
    assert (hold["status"], hold["amount"], hold["captured"]) == ("open", 1000, 0)
    assert hold["reference"] == {"type": "task", "id": "job-1"}
    assert hold["expires_at"] == "2026-11-22T13:53:00.250000Z"
    entry = answer.json["entry"]
    assert (entry["kind"], entry["amount"], entry["hold_amount"]) == ("hold", 0, 1000)
    assert sum(draw["amount"] for draw in entry["draws"]) == 1000
    assert answer.json["balance"]["available"] == 99_000
    assert service.get(f"/holds/{hold['id']}").json == {"hold": hold}


def test_a_capture_charges_part_and_returns_the_rest(service: Service) -> None:
    hold = service.held(1000)
    answer = service.post(f"/holds/{hold}/capture", {"credits": 400})
    assert answer.status_code == 201, answer.text
    assert (answer.json["hold"]["status"], answer.json["hold"]["captured"]) == ("captured", 400)
    assert (answer.json["entry"]["amount"], answer.json["entry"]["hold_amount"]) == (-400, -1000)
    assert answer.json["entry"]["hold"] == hold
    balance = answer.json["balance"]
    assert (balance["posted"], balance["held"]) == (99_600, 0)


def test_a_capture_of_zero_is_zero(service: Service) -> None:
    answer = service.post(f"/holds/{service.held(1000)}/capture", {"credits": 0})
    assert (answer.json["entry"]["amount"], answer.json["balance"]["posted"]) == (0, 100_000)


def test_captures_that_are_not_final_leave_the_rest_set_aside(service: Service) -> None:
    hold = service.held(1000)
    first = service.post(f"/holds/{hold}/capture", {"credits": 300, "final": False})
    assert (first.json["hold"]["status"], first.json["balance"]["held"]) == ("open", 700)
    last = service.post(f"/holds/{hold}/capture", {"credits": 700})
    assert (last.json["hold"]["captured"], last.json["balance"]["posted"]) == (1000, 99_000)


def test_a_release_charges_nothing(service: Service) -> None:
    answer = service.post(f"/holds/{service.held(1000)}/release", {"reason": "failed"})
    assert answer.status_code == 201, answer.text
    assert answer.json["hold"]["status"] == "released"
    assert (answer.json["entry"]["kind"], answer.json["entry"]["hold_amount"]) == ("release", -1000)
    assert sum(draw["amount"] for draw in answer.json["entry"]["draws"]) == -1000
    assert answer.json["balance"]["available"] == 100_000


def test_an_extension_lengthens_and_may_set_more_aside(service: Service) -> None:
    hold = service.held(1000, ttl_seconds=60)
    answer = service.post(f"/holds/{hold}/extend", {"ttl_seconds": 600, "quantity": 1500})
    assert answer.status_code == 201, answer.text
    assert (answer.json["hold"]["amount"], answer.json["hold"]["quantity"]) == (1500, 1500)
    assert answer.json["hold"]["expires_at"] == "2026-11-22T14:02:00.250000Z"
    assert answer.json["balance"]["held"] == 1500


@pytest.mark.parametrize(
    ("action", "members"),
    [
        ("capture", {"credits": 400}),
        ("capture", {"credits": 400, "final": False}),
        ("release", {"reason": "cancelled"}),
        ("extend", {"ttl_seconds": 60, "quantity": 2000}),
    ],
)
def test_what_is_done_to_a_hold_is_replayed_to_the_byte_also_after_it_ended(
    service: Service, vault: Database, action: str, members: dict[str, Any]
) -> None:
    hold, key = service.held(1000), new_key()
    first = service.post(f"/holds/{hold}/{action}", members, key=key)
    assert first.status_code == 201
    if action == "extend" or members.get("final") is False:
        assert service.post(f"/holds/{hold}/capture", {"credits": 1}).status_code == 201
    before = digest_of(vault)
    again = service.post(f"/holds/{hold}/{action}", members, key=key)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert digest_of(vault) == before


def test_a_placed_hold_is_replayed_as_it_was_placed(service: Service) -> None:
    key, members = new_key(), debit_of(1000)
    first = service.post("/holds", members, key=key)
    hold = first.json["hold"]["id"]
    assert service.post(f"/holds/{hold}/extend", {"ttl_seconds": 9000}).status_code == 201
    assert service.post(f"/holds/{hold}/capture", {"credits": 7}).status_code == 201
    assert service.post("/holds", members, key=key).data == first.data


def test_the_same_key_on_another_hold_names_the_hold(service: Service) -> None:
    one, two, key = service.held(10), service.held(10), new_key()
    members = {"credits": 1}
    assert service.post(f"/holds/{one}/capture", members, key=key).status_code == 201
    answer = service.post(f"/holds/{two}/capture", members, key=key)
    assert (answer.status_code, answer.json["members"]) == (422, ["hold"])


def test_a_hold_ends_once_and_tells_how(service: Service, vault: Database) -> None:
    captured, released = service.held(100), service.held(100)
    entry = service.post(f"/holds/{captured}/capture", {"credits": 60}).json["entry"]
    gone = service.post(f"/holds/{released}/release", {"reason": "failed"}).json["entry"]
    before = digest_of(vault)
    for action, members in ENDINGS:
        answer = service.post(f"/holds/{captured}/{action}", members)
        assert (answer.status_code, answer.json["code"]) == (409, "hold_captured")
        assert (answer.json["hold"], answer.json["entry"]) == (captured, entry["id"])
        assert (answer.json["amount"], answer.json["captured"]) == (100, 60)
        assert answer.json["ended_at"] == entry["occurred_at"]
        answer = service.post(f"/holds/{released}/{action}", members)
        assert (answer.status_code, answer.json["code"]) == (409, "hold_released")
        assert (answer.json["entry"], answer.json["reason"]) == (gone["id"], "failed")
    assert digest_of(vault) == before


def test_more_than_is_held_cannot_be_captured(service: Service, vault: Database) -> None:
    hold = service.held(100)
    before = digest_of(vault)
    answer = service.post(f"/holds/{hold}/capture", {"credits": 101})
    assert (answer.status_code, answer.json["code"]) == (409, "capture_exceeds_hold")
    assert (answer.json["held"], answer.json["requested"]) == (100, 101)
    assert digest_of(vault) == before


def test_an_expired_hold_reads_as_expired_and_is_captured_late_for_a_day(
    service: Service, clock: Clock
) -> None:
    hold, other = service.held(100, ttl_seconds=60), service.held(100, ttl_seconds=60)
    clock.advance(seconds=59)
    assert service.get(f"/holds/{hold}").json["hold"]["status"] == "open"
    clock.advance(seconds=1)
    assert service.get(f"/holds/{hold}").json["hold"]["status"] == "expired"
    key = new_key()
    late = service.post(f"/holds/{hold}/capture", {"credits": 90}, key=key)
    assert late.status_code == 201, late.text
    assert (late.json["entry"]["kind"], late.json["entry"]["reason"]) == ("debit", "late_capture")
    assert late.json["hold"]["status"] == "expired"
    assert service.post(f"/holds/{hold}/capture", {"credits": 90}, key=key).data == late.data
    answer = service.post(f"/holds/{other}/release", {"reason": "failed"})
    assert (answer.status_code, answer.json["code"]) == (409, "hold_expired")
    assert answer.json["hold"] == other
    clock.advance(seconds=86_400, microseconds=1)
    answer = service.post(f"/holds/{other}/capture", {"credits": 90})
    assert (answer.status_code, answer.json["code"]) == (409, "hold_expired")


@pytest.mark.gate
def test_a_hold_without_credits_may_be_tried_again_with_the_same_key(service: Service) -> None:
    assert service.debit(50_000).status_code == 201
    assert service.debit(45_000).status_code == 201
    members, key = debit_of(6_000), new_key()
    answer = service.post("/holds", members, key=key)
    assert (answer.status_code, answer.json["code"]) == (402, "insufficient_credits")
    assert (answer.json["required"], answer.json["shortfall"]) == (6_000, 1_000)
    grant = {
        "account": "acme", "credits": 1_000, "origin": "purchase",
        "reference": {"type": "payment", "id": "pay-1"},
    }  # fmt: skip
    assert service.post("/grants", grant).status_code == 201
    answer = service.post("/holds", members, key=key)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_a_job_has_one_open_hold(service: Service) -> None:
    hold = service.held(10, task="job-1")
    answer = service.hold(10, "job-1")
    assert (answer.status_code, answer.json["code"]) == (409, "already_charged")
    assert service.post(f"/holds/{hold}/release", {"reason": "timed_out"}).status_code == 201
    assert service.hold(10, "job-1").status_code == 201


def test_open_holds_are_capped_by_the_tier(service: Service) -> None:
    for _ in range(20):
        assert service.hold(1).status_code == 201
    answer = service.hold(1)
    assert (answer.status_code, answer.json["code"]) == (403, "limit_reached")
    assert (answer.json["limit"], answer.json["maximum"], answer.json["requested"]) == (
        "open_holds", 20, 21,
    )  # fmt: skip
    assert answer.json["until"] == "2026-11-22T14:07:00.250000Z"


def test_holds_of_other_services_are_not_there_to_be_seen_or_used(
    service: Service, app: Flask, clock: Clock
) -> None:
    hold, other = service.held(100), issue(app, clock, "design")
    answer = other.get(f"/holds/{hold}")
    nobody = other.get("/holds/hld_" + "0" * len(hold[4:]))
    assert answer.status_code == nobody.status_code == 404
    assert answer.json["code"] == nobody.json["code"] == "hold_not_found"
    for action, members in ENDINGS:
        unknown = other.post(f"/holds/{NOBODY_S}/{action}", members).text
        answer = other.post(f"/holds/{hold}/{action}", members)
        assert answer.text == unknown.replace(NOBODY_S, hold)


def test_nothing_tells_a_hold_of_another_service_from_none(
    service: Service, app: Flask, clock: Clock, vault: Database
) -> None:
    ended = service.held(100)
    assert service.post(f"/holds/{ended}/capture", {"credits": 100}).status_code == 201
    expired, held = service.held(100, ttl_seconds=1), service.held(100)
    clock.advance(seconds=1)
    limited = {"operations": ("design",), "daily_units": 1, "max_units": 1}
    others = (issue(app, clock, "other"), issue(app, clock, "limited", **limited))
    admin = ledger.Actor("admin", "root@example.com")
    for status in ("active", "suspended", "frozen"):
        with app.app_context():
            current.submit(ledger.SetStatus(account_id="acme", status=status, actor=admin))
        for other, hold in product(others, (ended, expired, held)):
            for action, members in (*ENDINGS, ("capture", {"credits": 500})):
                nobody = other.post(f"/holds/{NOBODY_S}/{action}", members)
                answer = other.post(f"/holds/{hold}/{action}", members)
                assert answer.text == nobody.text.replace(NOBODY_S, hold), status
                assert (answer.status_code, answer.json["code"]) == (404, "hold_not_found")
    assert service.post(f"/holds/{held}/release", {"reason": "failed"}).status_code == 423


def test_a_hold_that_nobody_placed_is_not_found(service: Service) -> None:
    for action, members in ENDINGS:
        answer = service.post(f"/holds/hld_none/{action}", members)
        assert (answer.status_code, answer.json["code"]) == (404, "hold_not_found")
        assert answer.json["hold"] == "hld_none"
