"""What was reported of other ledgers of credits, tried on this one, over the door.

docs/audit.md names each with its test, here and elsewhere.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from portal import ledger
from portal.database import Database
from tests.internal.service import Answer, Clock, Service, new_key

MINUTE, DAY = 60, 86_400


def balance(service: Service) -> tuple[int, int, int]:
    """What acme has: posted, held, available."""
    told = service.get("/accounts/acme/balance").json["balance"]
    return told["posted"], told["held"], told["available"]


def entries(service: Service, **wanted: Any) -> list[dict[str, Any]]:
    """Acme's entries with these members."""
    found = service.get("/accounts/acme/entries", "limit=100").json["entries"]
    return [each for each in found if {**each, **wanted} == each]


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_check_then_deduct_races(service: Service) -> None:
    """Eight jobs see the same 100,000 credits; two of them are paid for."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.debit(40_000), range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 402: 6}
    assert balance(service) == (20_000, 0, 20_000)


def test_leaked_holds_after_a_panic(service: Service, clock: Clock) -> None:
    """A worker dies with a hold open: its credits are back in time, and no job sees to it."""
    hold = service.held(40_000)
    clock.advance(seconds=15 * MINUTE, microseconds=-1)
    assert balance(service) == (100_000, 40_000, 60_000)
    clock.advance(microseconds=1)
    assert balance(service) == (100_000, 0, 100_000)
    assert service.get(f"/holds/{hold}").json["hold"]["status"] == "expired"
    assert [service.debit(50_000).status_code for _ in range(2)] == [201, 201]
    assert len(entries(service, kind="release", hold=hold)) == 1


def test_a_rejected_hold_is_captured(service: Service) -> None:
    """A hold that was refused holds nothing; one that was given up is not charged after all."""
    for _ in range(2):
        assert service.debit(50_000).status_code == 201
    answer = service.hold(1_000)
    refused(answer, 402, "insufficient_credits")
    assert "hold" not in answer.json
    refused(service.post("/holds/hld_0000000000/capture", {"credits": 1}), 404, "hold_not_found")
    assert entries(service, kind="hold") == []


def test_a_hold_that_was_moderated_is_captured(service: Service) -> None:
    hold = service.held(1_000)
    assert service.post(f"/holds/{hold}/release", {"reason": "moderated"}).status_code == 201
    refused(service.post(f"/holds/{hold}/capture", {"credits": 1_000}), 409, "hold_released")
    assert balance(service) == (100_000, 0, 100_000)


def test_a_hold_is_voided_twice(service: Service) -> None:
    other, hold, key = service.held(500), service.held(1_000), new_key()
    path, members = f"/holds/{hold}/release", {"reason": "cancelled"}
    first, again = (service.post(path, members, key=key) for _ in range(2))
    assert first.data == again.data
    refused(service.post(path, members), 409, "hold_released")
    assert balance(service) == (100_000, 500, 99_500), "the other hold stands"
    assert service.get(f"/holds/{other}").json["hold"]["status"] == "open"


def test_a_charge_is_refunded_twice(service: Service) -> None:
    charge, key = service.debit(1_000).json["entry"]["id"], new_key()
    members = {"entry": charge, "reason": "failed"}
    first, again = (service.post("/refunds", members, key=key) for _ in range(2))
    assert first.data == again.data
    refused(service.post("/refunds", members), 409, "refund_exceeds")
    refused(service.post("/refunds", {**members, "credits": 1}), 409, "refund_exceeds")
    assert balance(service) == (100_000, 0, 100_000)


def test_everything_is_refunded_on_a_disconnect(service: Service) -> None:
    """The client goes away after a part was delivered: that part stays charged."""
    hold = service.held(1_000)
    delivered = service.post(f"/holds/{hold}/capture", {"credits": 300, "final": False})
    assert delivered.status_code == 201
    assert service.post(f"/holds/{hold}/release", {"reason": "cancelled"}).status_code == 201
    assert balance(service) == (99_700, 0, 99_700)
    done = service.held(1_000)
    assert service.post(f"/holds/{done}/capture", {"credits": 1_000}).status_code == 201
    refused(service.post(f"/holds/{done}/release", {"reason": "cancelled"}), 409, "hold_captured")
    assert balance(service) == (98_700, 0, 98_700)


def test_a_month_is_granted_twice(service: Service, clock: Clock, vault: Database) -> None:
    """Whoever comes first after the month is over writes it, and everybody else finds it."""
    for month in (1, 2):
        clock.advance(seconds=31 * DAY)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: service.debit(1).status_code, range(8))) == {201}
        again = service.put("/accounts/acme", {"name": "Acme Ltd", "tier": "pro"})
        assert again.status_code == 200
        allocations = entries(service, kind="grant", reason="allocation")
        assert len(allocations) == 1 + month
        assert len({each["reference"]["id"] for each in allocations}) == 1 + month
    with vault.reading() as connection:
        assert ledger.audit(connection, now=clock.now).differences == ()


def test_a_balance_is_stale_after_a_write(service: Service) -> None:
    """What is read after an answer is what the answer said, at once and by anybody."""
    reader = service.issue("reader", scopes=("read",))
    for _ in range(5):
        said = service.debit(7).json["balance"]
        read = reader.get("/accounts/acme/balance")
        assert read.json["balance"] == said
        assert read.headers["Cache-Control"] == "no-store"
        [last] = reader.get("/accounts/acme/entries", "limit=1").json["entries"]
        assert last["seq"] == said["seq"]
