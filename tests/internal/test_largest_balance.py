"""The largest balance there is, at its own size: nine thousand million million credits."""

from __future__ import annotations

import os
from typing import Any

import pytest

from portal import ledger
from portal.database import Database
from portal.ledger.model import AMOUNT_MAX, BALANCE_MAX, DAY
from tests.internal.service import Clock, Service, debit_of, new_key

pytestmark = pytest.mark.gate
AT_ONCE = 63  # grants of a period, which its end pours together


def fill(vault: Database, clock: Clock, account: str) -> None:
    """Sell an account the largest grants there are, for many years, until another does not fit."""
    sold = 0
    while True:
        with vault.writing() as connection:
            left = (BALANCE_MAX - ledger.get_account(connection, account).posted) // AMOUNT_MAX
            commands: list[ledger.Command] = [
                ledger.IssueGrant(
                    account_id=account,
                    credits=AMOUNT_MAX,
                    origin="purchase",
                    reference=ledger.Reference("payment", f"payment-{sold + number}"),
                )
                for number in range(min(AT_ONCE, left))
            ]
            if not commands:
                return
            terms: dict[str, Any] = {"now": clock(), "ids": ledger.Ids(os.urandom)}
            tariffs = ledger.load_tariffs(connection)
            outcomes = ledger.post(connection, commands, tariffs=tariffs, **terms)
            assert all(isinstance(each, ledger.Posted) for each in outcomes)
        sold += len(commands)
        clock.now += 32 * DAY


def test_it_is_reached_to_the_credit_and_not_passed(
    service: Service, vault: Database, clock: Clock
) -> None:
    fill(vault, clock, "acme")

    def posted() -> int:
        answer = service.get("/accounts/acme/balance")
        return int(answer.json["balance"]["posted"])

    def grant(credits: int) -> Any:
        members = {"account": "acme", "credits": credits, "origin": "purchase"}
        members["reference"] = {"type": "payment", "id": new_key()}
        return service.post("/grants", members)

    room = BALANCE_MAX - posted()
    assert room < AMOUNT_MAX
    over = grant(room + 1)
    assert (over.status_code, over.json["code"]) == (422, "balance_limit")
    assert (over.json["maximum"], over.json["amount"]) == (BALANCE_MAX, room + 1)
    assert [grant(room - 1).status_code, grant(1).status_code] == [201, 201]
    assert posted() == BALANCE_MAX
    assert grant(1).status_code == 422
    spent = service.post("/debits", debit_of(10))
    assert spent.status_code == 201
    assert posted() == BALANCE_MAX + spent.json["entry"]["amount"]
    with vault.reading() as connection:
        assert ledger.audit(connection, now=clock()).differences == ()
