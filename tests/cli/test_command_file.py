"""The commands of a file: what is wrong with it is told with its place and what is expected."""

import io

import click
import pytest

from portal.cli.command_file import EXPECTED, SHOWN, read_commands
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
        ("[]", "it holds no command, so there is nothing to send."),
        ("[7]", "commands.0 is not an object, but a number\n"),
        (f'[{DEBIT}, "reference": "job-1"}}, {{}}]', "commands.1.command must be one of debit, "),
        ('[{"command": "extend"}]', "commands.0.hold is missing, which an extend needs\n"),
        (f'[{DEBIT}, "colour": 1}}]', "commands.0.colour is no member of a debit\n"),
        ('[{"command": ["debit"]}]', "commands.0.command must be one of debit, "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        read(text)
    assert caught.value.exit_code == 2
    assert told in caught.value.message
    assert caught.value.message.endswith(EXPECTED)


def told_of(*commands: str) -> str:
    with pytest.raises(click.BadParameter) as caught:
        read(f"[{', '.join(commands)}]")
    return caught.value.message


GOOD = f'{DEBIT}, "reference": "job-1"}}'


def test_every_command_that_is_none_is_told() -> None:
    assert told_of(GOOD, "7", f'{DEBIT}, "reference": 7}}', GOOD, "{}").splitlines() == [
        "3 of its 5 commands make no request:",
        "  commands.1 is not an object, but a number",
        "  commands.2.reference must be an id, or a pair of type and id that are texts,"
        " not a whole number",
        "  commands.4.command must be one of debit, hold, capture, release, extend, refund",
        f"Nothing was sent. {EXPECTED}",
    ]


def test_of_each_command_every_fault_is_told() -> None:
    odd = DEBIT.replace("12", '"12"').replace('"acme"', "7")
    assert told_of(GOOD, f'{odd}, "colour": 1}}', "7").splitlines()[:-1] == [
        "2 of its 3 commands make no request:",
        "  commands.1.colour is no member of a debit",
        "  commands.1.reference is missing, which a debit needs",
        "  commands.1.account must be a text, not a whole number",
        "  commands.1.quantity must be a whole number, not a text",
        "  commands.2 is not an object, but a number",
    ]


def test_of_very_many_the_first_are_told_and_how_many_more_there_are() -> None:
    lines = told_of(*["null"] * 11).splitlines()
    assert lines[1:-1] == [
        *(f"  commands.{place} is not an object, but null" for place in range(SHOWN)),
        "  and 1 more",
    ]
    assert "more" not in told_of(*["null"] * SHOWN)


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (["7"], "1 of its 1 command makes no request:"),
        (["7", GOOD], "1 of its 2 commands makes no request:"),
        (["7", "8"], "2 of its 2 commands make no request:"),
    ],
)
def test_how_many_are_none_is_counted(commands: list[str], told: str) -> None:
    assert told_of(*commands).splitlines()[0] == told


@pytest.mark.parametrize(
    ("metadata", "place"),
    [('{"a": NaN}', "metadata.a"), ('{"a": -Infinity}', "metadata.a"),
     ('{"a": ["\\ud800"]}', "metadata.a.0")],
)  # fmt: skip
def test_what_only_some_readers_take_for_json_is_told(metadata: str, place: str) -> None:
    told = told_of(GOOD, f'{DEBIT}, "reference": "job-2", "metadata": {metadata}}}')
    assert f"  commands.1.{place} cannot be written as JSON: " in told


def test_a_member_that_stands_twice_is_told() -> None:
    told = told_of(GOOD, f'{DEBIT}, "reference": "job-1", "quantity": 13}}')
    assert "it has the member 'quantity' twice in one object. " in told


def test_what_is_no_text_is_told() -> None:
    file = io.TextIOWrapper(io.BytesIO(b'["\xff"]'), encoding="utf-8")
    with pytest.raises(click.BadParameter, match="not text: ") as caught:
        read_commands(file)
    assert caught.value.message.endswith(EXPECTED)
