"""The commands that `flask call batch` is given: a JSON list, read whole before any is sent."""

import json
from typing import Any, Final, TextIO

import click

from portal.client import ArgumentError, Command
from portal.client.commands import command_of

EXPECTED: Final = (
    'Expected: a JSON list of commands, as in [{"command": "debit", "account": "acme",'
    ' "operation": "generate", "quantity": 12, "reference": "job-1"}]'
)
_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def read_commands(file: TextIO) -> list[Command]:
    """The commands of a file, in order. Raises click.BadParameter, by which nothing is sent."""
    found = _json_of(file)
    if isinstance(found, dict) and "commands" in found:
        raise _refused("it is a whole batch: only the list of its `commands` is wanted")
    if not isinstance(found, list):
        raise _refused(f"it is not a list, but {_kind_of(found)}")
    return [_command(place, members) for place, members in enumerate(found)]


def _json_of(file: TextIO) -> Any:
    try:
        return json.load(file)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _refused(f"it is not JSON at {where}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise _refused(f"it is not text: {error}") from None
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise _refused(f"it is not JSON: {error}") from None


def _command(place: int, members: Any) -> Command:
    if not isinstance(members, dict):
        raise _refused(f"commands.{place} is not an object, but {_kind_of(members)}")
    try:
        return command_of(members)
    except ArgumentError as error:
        raise _refused(f"commands.{place}.{error}") from None


def _kind_of(found: Any) -> str:
    return _KINDS.get(type(found), "a number")


def _refused(told: str) -> click.BadParameter:
    return click.BadParameter(f"{told}. {EXPECTED}", param_hint="FILE")
