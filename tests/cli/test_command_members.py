"""The members of one command of a file: the command they are, or all that is wrong with them."""

from typing import Any

import pytest

from portal.cli.command_members import FaultyCommandError, command_of
from portal.client import commands
from portal.client.commands import Debit
from tests.client.test_commands import HOLD, IN_BATCH, KEPT, PATHS

DEBIT: dict[str, Any] = {
    "command": "debit", "account": "acme", "operation": "generate", "quantity": 1, "reference": "j",
}  # fmt: skip


@pytest.mark.parametrize("command", [command for command, _, _ in IN_BATCH], ids=PATHS)
def test_members_of_a_batch_are_the_command_that_they_are_of(command: commands.Command) -> None:
    assert command_of(command.in_batch()).in_batch() == command.in_batch()


def test_what_may_be_missing_may_be_null() -> None:
    made = command_of({**DEBIT, "idempotency_key": None, "text": None, "labels": None})
    assert isinstance(made, Debit)
    assert (made.quantity, made.labels) == (1, None)


def faults_of(members: dict[str, Any]) -> list[str]:
    with pytest.raises(FaultyCommandError) as caught:
        command_of(members)
    assert str(caught.value) == "; ".join(str(each) for each in caught.value.faults)
    return [str(each) for each in caught.value.faults]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "command must be one of debit, hold, capture, release, extend, refund"),
        ({"command": "grant"}, "command must be one of debit, "),
        ({"command": ["debit"]}, "command must be one of debit, "),
        ({"command": "capture", "hold": HOLD}, "credits is missing, which a capture needs"),
        ({"command": "release", "hold": HOLD, "x": 2}, "x is no member of a release"),
        ({"command": "release", "hold": HOLD, "key": KEPT}, "key is no member of a release"),
        ({"command": "release", "hold": 1}, "hold must be a text, not a whole number"),
        ({"command": "release", "hold": HOLD, "idempotency_key": 7}, "idempotency_key must be 16"),
        ({**DEBIT, "reference": {"type": "task"}}, "reference.id is missing, which a reference ne"),
        ({**DEBIT, "reference": {"type": None, "id": "1"}}, "reference.type must be a text, not N"),
        ({**DEBIT, "reference": {"type": "task", "id": "1", "more": 2}}, "reference.more is no m"),
        ({**DEBIT, "quantity": True}, "quantity must be a whole number, not True"),
        ({**DEBIT, "quantity": None}, "quantity or a text is needed, and not both"),
        ({**DEBIT, "text": "a"}, "quantity or a text is needed, and not both"),
    ],
    ids=str,
)
def test_what_is_no_command_is_told(members: dict[str, Any], told: str) -> None:
    [fault] = faults_of(members)
    assert fault.startswith(told)


def test_every_fault_is_told_and_each_place_once() -> None:
    nan = float("nan")
    found = faults_of(
        {
            "command": "debit", "idempotency_key": "short", "acount": "acme", "operation": None,
            "quantity": nan, "reference": {"id": 7}, "labels": {"a": 1, "b": "", "c": []},
            "occurred_at": True, "metadata": {"a": nan, "b": [1, "\ud800", nan], "c": "ok"},
        }
    )  # fmt: skip
    assert [each.split(": ")[0] for each in found] == [  # what Python adds is its own
        "acount is no member of a debit",
        "account is missing, which a debit needs",
        "reference.type is missing, which a reference needs",
        "reference.id must be a text, not a whole number",
        "labels.a must be a text, not a whole number",
        "labels.c must be a text, not a list",
        "operation must be a text, not None",
        "occurred_at must be UTC microseconds, not True",
        "quantity must be a whole number, not a number with a point",
        "metadata.a cannot be written as JSON",
        "metadata.b.1 cannot be written as JSON",
        "metadata.b.2 cannot be written as JSON",
        "idempotency_key must be 16 to 128 of A-Z a-z 0-9 . _ ",
    ]


def test_of_a_command_that_nobody_knows_the_key_is_judged() -> None:
    found = faults_of({"command": "charge", "credits": "all", "idempotency_key": 7})
    assert [each.split()[0] for each in found] == ["command", "idempotency_key"]
