"""Quotes over the door: the price, who would pay it, and half an hour to use it."""

from typing import Any

import pytest
from flask import Flask

from portal import ledger, pricing
from portal.current import Application
from portal.database import Database
from tests.internal.service import Clock, Service, debit_of, digest_of, new_key

ASKED = {"account": "acme", "operation": "generate", "quantity": 1204}


def quoted(service: Service, **more: Any) -> dict[str, Any]:
    answer = service.post("/quotes", {**ASKED, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json["quote"]
    return found


def dearer(app: Flask, clock: Clock) -> None:
    """From ten seconds on, everything generated costs double."""
    state: Application = app.extensions["portal"]
    shipped = pricing.shipped_tariff()
    text = shipped.document.replace(f'name = "{shipped.name}"', 'name = "dearer"')
    text = text.replace("2026-01-01T00:00:00Z", "2026-11-22T13:52:10Z")
    text = text.replace("numerator = 1, denominator = 1 }", "numerator = 2, denominator = 1 }")
    tariff = pricing.parse_tariff(text, "dearer")
    state.database.run(
        lambda connection: ledger.publish_tariff(
            connection, tariff, now=clock.now, published_by="tests"
        )
    )
    clock.advance(seconds=20)
    assert pricing.quote(state.tariffs().in_force(clock.now), "generate", 1204).credits == 2408


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


def test_what_was_quoted_is_honoured_though_prices_change(
    service: Service, app: Flask, clock: Clock
) -> None:
    quote = quoted(service)
    dearer(app, clock)
    charged = service.post("/debits", debit_of(1204, quote=quote["id"])).json["entry"]
    assert (charged["amount"], charged["tariff"]) == (-1204, quote["tariff"])
    held = service.post("/holds", debit_of(1204, quote=quote["id"])).json["hold"]
    assert held["amount"] == 1204
    assert service.debit(1204).json["entry"]["amount"] == -2408
    assert quoted(service)["credits"] == 2408


def test_a_quote_is_used_in_half_an_hour_and_a_retry_is_answered_later(
    service: Service, clock: Clock, vault: Database
) -> None:
    members, key = debit_of(1204, quote=quoted(service)["id"]), new_key()
    clock.advance(seconds=1799)
    first = service.post("/debits", members, key=key)
    assert first.status_code == 201
    clock.advance(seconds=1)
    again = service.post("/debits", members, key=key)
    assert (again.status_code, again.data) == (201, first.data)
    before = digest_of(vault)
    answer = service.post("/debits", debit_of(1204, quote=members["quote"]))
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert answer.json["members"][0]["member"] == "quote"
    assert "2026-11-22T14:22:00" in answer.json["detail"]
    assert digest_of(vault) == before


@pytest.mark.parametrize("changed", [{"quantity": 1205}, {"operation": "generate.fast"}])
def test_a_quote_serves_nothing_else(service: Service, changed: dict[str, Any]) -> None:
    members = {**debit_of(1204, quote=quoted(service)["id"]), **changed}
    answer = service.post("/debits", members)
    assert (answer.status_code, answer.json["members"][0]["member"]) == (422, "quote")


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
