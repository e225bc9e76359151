"""Grants over the door: credits made once per payment, by bytes that are good once."""

from typing import Any

import pytest

from portal.database import Database
from portal.internal.times import find_time
from tests.internal.service import BESIDE, Clock, Service, digest_of, new_key


def purchase(payment: str = "pay-1", **more: Any) -> dict[str, Any]:
    return {
        "account": "acme",
        "credits": 5000,
        "origin": "purchase",
        "reference": {"type": "payment", "id": payment},
        **more,
    }


def test_a_purchase_adds_credits(service: Service) -> None:
    answer = service.post("/grants", purchase(expires_at="2027-11-22T00:00:00Z"))
    assert answer.status_code == 201, answer.text
    entry = answer.json["entry"]
    assert (entry["kind"], entry["reason"], entry["amount"]) == ("grant", "purchase", 5000)
    (draw,) = entry["draws"]
    assert draw["grant"].startswith("grt_")
    assert answer.json["balance"]["posted"] == 105_000


def test_a_grant_may_be_for_some_operations_only(service: Service) -> None:
    promotion = purchase(
        origin="promotion",
        operations=["design"],
        priority=5,
        reference={"type": "ticket", "id": "x"},
    )
    assert service.post("/grants", promotion).status_code == 201
    quote = service.post(
        "/quotes", {"account": "acme", "operation": "generate", "quantity": 1}
    ).json["quote"]
    assert quote["available_after"] == 104_999
    assert service.debit(50_000).status_code == 201
    assert service.debit(50_000).status_code == 201
    answer = service.debit(1)
    assert (answer.status_code, answer.json["spendable"]) == (402, 0)
    assert service.debit(1, operation="design").status_code == 201


def test_one_payment_gives_credits_once(service: Service, vault: Database) -> None:
    first = service.post("/grants", purchase()).json["entry"]
    before = digest_of(vault, without=BESIDE)
    answer = service.post("/grants", purchase(credits=1))
    assert (answer.status_code, answer.json["code"]) == (409, "already_granted")
    assert answer.json["entry"] == first["id"]
    assert digest_of(vault, without=BESIDE) == before


def test_a_copy_of_a_grant_is_refused_and_a_retry_is_answered(
    service: Service, vault: Database
) -> None:
    key = new_key()
    sent = service.prepare("POST", "/grants", purchase(), key=key)
    first = sent.send()
    assert first.status_code == 201
    before = digest_of(vault)
    copy = sent.send()
    assert (copy.status_code, copy.json["code"]) == (401, "signature_invalid")
    assert digest_of(vault) == before
    retry = service.post("/grants", purchase(), key=key)
    assert (retry.status_code, retry.data) == (201, first.data)


def test_used_nonces_are_forgotten_when_no_window_is_open(
    service: Service, vault: Database, clock: Clock
) -> None:
    for number in range(3):
        assert service.post("/grants", purchase(f"pay-{number}")).status_code == 201
    assert nonces(vault) == 4  # and that of the request which opened the account
    clock.advance(seconds=91)
    assert service.post("/grants", purchase("pay-9")).status_code == 201
    assert nonces(vault) == 1


def nonces(vault: Database) -> int:
    with vault.reading() as connection:
        found: int = connection.exec_driver_sql("SELECT count(*) FROM spent_nonces").scalar_one()
    return found


@pytest.mark.parametrize(
    "times",
    [
        {"expires_at": "2026-11-22T13:52:00.250000Z"},
        {"expires_at": "2026-12-01T00:00:00Z", "effective_at": "2026-12-01T00:00:00Z"},
    ],
)
def test_a_grant_outlives_its_beginning(
    service: Service, vault: Database, times: dict[str, str]
) -> None:
    before = digest_of(vault, without=BESIDE)
    answer = service.post("/grants", purchase(**times))
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    (fault,) = answer.json["members"]
    assert fault["member"] == "expires_at"
    assert find_time(fault["got"]) == find_time(times["expires_at"])
    assert digest_of(vault, without=BESIDE) == before
