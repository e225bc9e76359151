"""Refusals as their caller may see them, where the stories over HTTP do not show it."""

import pytest
from flask import Flask

from portal import ledger
from portal.internal.disclosure import disclosed
from portal.internal.named import Named
from tests.internal.service import Service

ACTOR = ledger.Actor("service", "tts", "tts-1")
FROZEN = ledger.Refused(ledger.AccountFrozenError("acme"), refusal_id="rfs_1")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_refusal_of_another_service_s_hold_takes_nothing_along(
    service: Service, app: Flask
) -> None:
    command = ledger.ReleaseHold(actor=ACTOR, hold_id=service.held(1), reason="failed")
    with app.app_context():
        assert disclosed(FROZEN, command, service.key.service, Named("tts")) is FROZEN
        told = disclosed(FROZEN, command, "other", Named("other"))
    assert isinstance(told, ledger.Refused)
    assert (type(told.error), told.refusal_id) == (ledger.HoldNotFoundError, None)


def test_what_was_done_is_told_without_a_look() -> None:
    account = ledger.Account("acme", *[0] * 18)  # type: ignore[arg-type]
    done = ledger.Posted(account)
    command = ledger.ReleaseHold(actor=ACTOR, hold_id="hld_1", reason="failed")
    assert disclosed(done, command, "other", Named("other")) is done


def test_an_account_is_nobody_s_secret() -> None:
    command = ledger.Advance(actor=ACTOR, account_id="acme")
    assert disclosed(FROZEN, command, "other", Named("other")) is FROZEN
