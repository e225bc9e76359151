"""What a service asks for, as values: the members of a request of its own, or of a batch."""

import dataclasses
import json
from types import MappingProxyType
from typing import Any

import pytest

from portal.client import commands
from portal.client.answers import Entry, Quote, read
from portal.client.commands import (
    KINDS,
    CaptureHold,
    Debit,
    ExtendHold,
    PlaceHold,
    Refund,
    ReleaseHold,
)
from portal.client.errors import ArgumentError
from portal.client.members import KEY, json_body
from portal.internal.rules import COMMANDS
from tests.client.portals import ENTRY

HOLD = "hld_00000001"
KEPT = "a-key-of-my-own-1"
IN_BATCH: list[tuple[commands.Command, str, dict[str, Any]]] = [
    (
        Debit("acme", "generate", text="Grüße", reference="job-1", labels={"a": "b"}),
        "/debits",
        {
            "command": "debit", "account": "acme", "operation": "generate", "quantity": 5,
            "reference": {"type": "task", "id": "job-1"}, "labels": {"a": "b"},
        },
    ),
    (
        PlaceHold("acme", "generate", quantity=5, reference=("generation", "g"), ttl_seconds=60,
                  occurred_at=1_795_355_520_250_000),
        "/holds",
        {
            "command": "hold", "account": "acme", "operation": "generate", "quantity": 5,
            "reference": {"type": "generation", "id": "g"}, "ttl_seconds": 60,
            "occurred_at": "2026-11-22T13:52:00.250000Z",
        },
    ),
    (CaptureHold(HOLD, 0), f"/holds/{HOLD}/capture",
     {"command": "capture", "hold": HOLD, "credits": 0}),
    (CaptureHold(HOLD, 5, final=False), f"/holds/{HOLD}/capture",
     {"command": "capture", "hold": HOLD, "credits": 5, "final": False}),
    (ReleaseHold(HOLD, "cancelled"), f"/holds/{HOLD}/release",
     {"command": "release", "hold": HOLD, "reason": "cancelled"}),
    (ExtendHold(HOLD, 60), f"/holds/{HOLD}/extend",
     {"command": "extend", "hold": HOLD, "ttl_seconds": 60}),
    (Refund("ent_1", "partial", 3), "/refunds",
     {"command": "refund", "entry": "ent_1", "reason": "partial", "credits": 3}),
]  # fmt: skip


PATHS = [f"{place}-{path}" for place, (_, path, _) in enumerate(IN_BATCH)]


@pytest.mark.parametrize(("command", "path", "members"), IN_BATCH, ids=PATHS)
def test_a_command_is_the_same_alone_and_in_a_batch(
    command: commands.Command, path: str, members: dict[str, Any]
) -> None:
    assert command.path == path
    assert KEY.fullmatch(command.key)
    assert command.in_batch() == {**members, "idempotency_key": command.key}
    alone = {name: value for name, value in command.members().items() if value is not None}
    assert alone.items() <= members.items()


def test_entries_and_quotes_are_named_by_their_ids() -> None:
    entry = read(Entry, ENTRY)
    assert Refund(entry, "failed").members()["entry"] == "ent_1"
    fields: dict[str, Any] = dict.fromkeys(Quote._fields, 0) | {
        "id": "qte_1",
        "draws": [],
        "expires_at": None,
    }
    quote = read(Quote, fields)
    debit = Debit("acme", "generate", quantity=1, reference="j", quote=quote)
    assert debit.members()["quote"] == "qte_1"


def test_every_kind_the_door_takes_is_there() -> None:
    assert tuple(KINDS) == COMMANDS


def test_a_key_is_kept_and_a_bad_one_refused() -> None:
    assert ReleaseHold(HOLD, key=KEPT).key == KEPT
    with pytest.raises(ArgumentError, match="key must be"):
        ReleaseHold(HOLD, key="short")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReleaseHold(HOLD).key = KEPT  # type: ignore[misc]


def test_labels_may_be_any_mapping() -> None:
    labels = MappingProxyType({"a": "b"})
    debit = Debit("acme", "generate", quantity=1, reference="j", labels=labels, metadata=labels)
    assert json.loads(json_body(debit.in_batch()))["metadata"] == {"a": "b"}


def test_a_command_is_one_of_its_kinds() -> None:
    with pytest.raises(NotImplementedError):
        commands.Command().members()
