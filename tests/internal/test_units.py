"""Refusals that say what they count: characters, voices, holds."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from portal import current, ledger, pricing
from portal.current import Application
from portal.database import Database
from portal.internal.units import counted_of
from tests.internal.service import Clock, Service, digest_of

OLGA = ledger.Actor("admin", "olga@example.com")


def test_a_limit_of_a_job_is_told_in_the_operation_s_unit(service: Service) -> None:
    for operation, unit in (("generate", "characters"), ("clone", "voices")):
        for ask in (service.debit, service.hold):
            answer = ask(50_001, operation=operation)
            assert (answer.status_code, answer.json["code"]) == (403, "limit_reached")
            assert answer.json["detail"] == (
                f"The limit units_per_job allows 50,000 {unit}, and this would make it 50,001."
            )
    hold = service.held(10)
    answer = service.post(f"/holds/{hold}/extend", {"ttl_seconds": 9, "quantity": 50_001})
    assert answer.json["detail"] == (
        "The limit units_per_job allows 50,000 characters, and this would make it 50,001."
    )


def test_a_cap_on_spending_is_told_in_credits_with_its_numbers(
    service: Service, app: Flask, vault: Database
) -> None:
    def cap(limit: str, **members: Any) -> None:
        command = ledger.SetCap(actor=OLGA, account_id="acme", limit=limit, **members)
        with app.app_context():
            assert isinstance(current.submit(command), ledger.Posted)

    cap("credits_per_day", credits=500, operation="clone")
    cap("stop_loss_per_period", credits=600)
    assert service.debit(1, operation="clone").status_code == 201
    quoted = {"account": "acme", "operation": "clone", "quantity": 1}
    before = digest_of(vault)
    quote = service.post("/quotes", quoted)
    assert (quote.status_code, quote.json["code"]) == (403, "limit_reached")
    assert digest_of(vault) == before
    for refusal in (service.debit(1, operation="clone"), service.hold(1, operation="clone")):
        assert (refusal.status_code, refusal.json["code"]) == (403, "limit_reached")
        assert refusal.json["detail"] == (
            "The limit credits_per_day of clone allows 500 credits, and this would make it 1,000."
        )
        names = ("limit", "operation", "maximum", "used", "requested", "until")
        assert [refusal.json[name] for name in names] == [
            "credits_per_day", "clone", 500, 500, 1_000, "2026-11-23T00:00:00.000000Z",
        ]  # fmt: skip
    hold = service.held(100)
    stopped = service.debit(1)
    assert (stopped.status_code, stopped.json["limit"]) == (403, "stop_loss_per_period")
    assert (stopped.json["operation"], stopped.json["used"]) == (None, 600)
    assert service.post(f"/holds/{hold}/release", {"reason": "failed"}).status_code in (200, 201)
    assert service.debit(99).status_code == 201


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_other_limits_are_told_in_their_own(service: Service) -> None:
    for _ in range(20):
        service.held(1)
    assert service.hold(1).json["detail"] == (
        "The limit open_holds allows 20 open holds, and this would make it 21."
    )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_no_price_list_names_is_counted_in_units(
    service: Service, app: Flask, clock: Clock
) -> None:
    with app.app_context():
        assert counted_of(1, "generate") == "1 character"
        assert counted_of(1_204, "sing") == "1,204 units"
        assert counted_of(2, None) == "2 units"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_operation_without_a_price_list_in_force_is_counted_in_units(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = replace(pricing.shipped_tariff(), effective_at=2**60)
    state: Application = app.extensions["portal"]
    monkeypatch.setattr(state, "tariffs", lambda: pricing.Tariffs([later]))
    with app.app_context():
        assert counted_of(2, "generate") == "2 units"
