"""Quotes over the door: the price, who would pay it, and half an hour to use it."""

from typing import Any

import pytest

from portal.database import Database
from tests.internal.service import Clock, Service, digest_of, new_key

ASKED = {"account": "acme", "operation": "generate", "quantity": 1204}


def quoted(service: Service, **more: Any) -> dict[str, Any]:
    answer = service.post("/quotes", {**ASKED, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json["quote"]
    return found


def test_a_quote_tells_the_price_and_writes_nothing(service: Service, vault: Database) -> None:
    before = digest_of(vault)
    quote = quoted(service)
    assert digest_of(vault) == before
    assert list(quote) == [
        "id", "account", "operation", "quantity", "credits", "tariff", "expires_at", "draws",
        "available_after", "sufficient",
    ]  # fmt: skip
    assert (quote["credits"], quote["sufficient"]) == (1204, True)
    assert quote["available_after"] == 100_000 - 1204
    assert sum(draw["amount"] for draw in quote["draws"]) == 1204
    assert quote["expires_at"] == "2026-11-22T14:22:00.250000Z"


def test_a_quote_says_when_credits_lack(service: Service) -> None:
    assert service.debit(50_000).status_code == 201
    assert service.debit(40_000).status_code == 201
    quote = quoted(service, quantity=12_000)
    assert (quote["sufficient"], quote["draws"]) == (False, [])
    assert quote["available_after"] == -2_000


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"account": "nobody"}, 404, "account_not_found"),
        ({"operation": "sing"}, 422, "unknown_operation"),
        ({"quantity": 50_001}, 403, "limit_reached"),
        ({"quantity": 0}, 422, "validation"),
    ],
)
def test_what_could_not_be_charged_is_not_quoted(
    service: Service, changed: dict[str, Any], status: int, code: str
) -> None:
    answer = service.post("/quotes", {**ASKED, **changed})
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_a_quote_needs_a_key_and_is_made_anew_each_time(service: Service, clock: Clock) -> None:
    answer = service.post("/quotes", ASKED, idempotency_key=None)
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing")
    key = new_key()
    first = service.post("/quotes", ASKED, key=key)
    clock.advance(seconds=1)
    second = service.post("/quotes", ASKED, key=key)
    assert first.json["quote"]["id"] != second.json["quote"]["id"]
    assert "Idempotency-Replayed" not in second.headers
