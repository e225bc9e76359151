"""The commands of a file: what is wrong with it is told with its place and what is expected."""

import io

import click
import pytest

from portal.cli.command_file import EXPECTED, read_commands
from portal.client.commands import CaptureHold, Debit

DEBIT = '{"command": "debit", "account": "acme", "operation": "generate", "quantity": 12'


def read(text: str) -> list[object]:
    return [*read_commands(io.StringIO(text))]


def test_commands_come_in_their_order() -> None:
    capture = '{"command": "capture", "hold": "hld_1", "credits": 3}'
    debit, captured = read(f'[{DEBIT}, "reference": "job-1"}}, {capture}]')
    assert isinstance(debit, Debit)
    assert (debit.account, debit.quantity, debit.reference) == ("acme", 12, "job-1")
    assert isinstance(captured, CaptureHold)
    assert read("[]") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON at line 1, column 1: Expecting value."),
        ("[\n  {'command': 1}\n]", "not JSON at line 2, column 4: "),
        ("[1,", "not JSON at line 1, column 4: Expecting value."),
        ("[1] ]", "not JSON at line 1, column 5: Extra data."),
        ("[" * 100_000, "nested too deeply."),
        (f"[{'1' * 5_000}]", "not JSON: "),
        ("{}", "not a list, but an object."),
        ('{"commands": []}', "only the list of its `commands` is wanted"),
        ("null", "not a list, but null."),
        ("[7]", "commands.0 is not an object, but a number."),
        (f'[{DEBIT}, "reference": "job-1"}}, {{}}]', "commands.1.command must be one of debit, "),
        (f'[{DEBIT}, "colour": 1}}]', "commands.0.colour is no member of a debit."),
        ('[{"command": ["debit"]}]', "commands.0.command must be one of debit, "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        read(text)
    assert caught.value.exit_code == 2
    assert told in caught.value.message
    assert caught.value.message.endswith(EXPECTED)


def test_what_is_no_text_is_told() -> None:
    file = io.TextIOWrapper(io.BytesIO(b'["\xff"]'), encoding="utf-8")
    with pytest.raises(click.BadParameter, match="not text: ") as caught:
        read_commands(file)
    assert caught.value.message.endswith(EXPECTED)
