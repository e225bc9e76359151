"""What the demo asks is what a service could ask through the door, under a key of its own."""

import json
import re
from typing import Any

import pytest

from portal import ledger
from portal.internal import bodies
from portal.internal.strict_json import canonical
from tests.cli.demo.conftest import NOW, SERVICE

KEY = re.compile(r"[A-Za-z0-9._:~-]{16,128}")
HOLD = ledger.Hold(
    "hld_0123456789ab", "acme", 4, "studio", "generate", 80, "2026-01", "generation", "job-17",
    80, 0, NOW, NOW, "open", None,
)  # fmt: skip
LABELS = {"project": "a-map-of-rain"}
PAYMENT = ledger.Reference("payment", "pay-7")


def asked(command: ledger.Command) -> tuple[str, dict[str, Any]]:
    """The command's name and members in its request, after the form of both is proved."""
    request = getattr(command, "request", None)
    assert request is not None
    assert request.service == "studio"
    assert KEY.fullmatch(request.key)
    members = json.loads(request.body)
    assert canonical(members) == request.body
    return members.pop("command"), members


@pytest.mark.parametrize("occurred_at", [None, NOW - 1])
def test_a_debit_says_the_same_in_its_request(occurred_at: int | None) -> None:
    command = SERVICE.debit("acme", "generate", 80, "job-17", LABELS, occurred_at=occurred_at)
    name, members = asked(command)
    body = bodies.DebitBody.read(members)
    assert name == "debit"
    assert (body.account, body.operation, body.quantity, body.reference, body.labels) == (
        command.account_id, command.operation, command.quantity, command.reference, command.labels,
    )  # fmt: skip
    assert body.occurred_at == command.occurred_at == occurred_at


@pytest.mark.parametrize("ttl", [None, 7_200])
def test_a_hold_says_the_same_in_its_request(ttl: int | None) -> None:
    command = SERVICE.hold("acme", "clone", 1, "job-18", ttl_seconds=ttl)
    name, members = asked(command)
    body = bodies.HoldBody.read(members)
    assert name == "hold"
    assert (body.account, body.operation, body.quantity, body.reference, body.ttl_seconds) == (
        command.account_id, command.operation, command.quantity, command.reference, ttl,
    )  # fmt: skip
    assert body.labels is command.labels is None


def test_what_is_asked_of_a_hold_names_it() -> None:
    name, members = asked(SERVICE.capture(HOLD, 30))
    assert (name, members.pop("hold")) == ("capture", HOLD.id)
    assert bodies.CaptureBody.read(members).credits == 30
    name, members = asked(SERVICE.release(HOLD, "failed"))
    assert (name, members.pop("hold")) == ("release", HOLD.id)
    assert bodies.ReleaseBody.read(members).reason == "failed"
    name, members = asked(SERVICE.extend(HOLD, 60))
    assert (name, members.pop("hold")) == ("extend", HOLD.id)
    assert bodies.ExtendBody.read(members).ttl_seconds == 60


@pytest.mark.parametrize("credits", [None, 5])
def test_a_refund_says_the_same_in_its_request(
    stage_entry: ledger.Entry, credits: int | None
) -> None:
    command = SERVICE.refund(stage_entry, "partial", credits)
    name, members = asked(command)
    body = bodies.RefundBody.read(members)
    assert name == "refund"
    assert (body.entry, body.reason, body.credits) == (stage_entry.id, "partial", credits)
    assert (command.entry_id, command.reason, command.credits) == (body.entry, body.reason, credits)


def test_a_grant_says_the_same_in_its_request() -> None:
    plain, limited = (
        SERVICE.grant("acme", 500, "purchase", PAYMENT),
        SERVICE.grant("acme", 500, "promotion", PAYMENT, NOW + 1, ("generate",)),
    )
    for command in (plain, limited):
        name, members = asked(command)
        body = bodies.GrantBody.read(members)
        assert name == "grant"
        assert (body.account, body.credits, body.origin, body.reference) == (
            command.account_id, command.credits, command.origin, command.reference,
        )  # fmt: skip
        assert (body.expires_at, body.operations) == (command.expires_at, command.operations)


def test_an_account_is_opened_in_the_name_of_the_service() -> None:
    command = SERVICE.account("acme", "Acme", "pro", NOW, "Europe/Oslo")
    assert command.actor == ("service", "studio", "studio-202608a")
    assert (command.account_id, command.tier, command.anchor_at) == ("acme", "pro", NOW)


@pytest.fixture
def stage_entry() -> ledger.Entry:
    values = dict.fromkeys(ledger.Entry._fields)
    named = {"id": "ent_0123456789ab", "reference_type": "generation", "reference_id": "job-17"}
    return ledger.Entry(**values | named)  # type: ignore[arg-type]
