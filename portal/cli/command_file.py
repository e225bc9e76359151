"""The commands that `flask call batch` is given: a JSON list, read whole before any is sent."""

import json
from collections import Counter
from typing import Any, Final, TextIO

import click

from portal.cli.command_members import FaultyCommandError, command_of
from portal.client import Command

SHOWN: Final = 10  # commands whose faults are told
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
    """The commands of a file, in order.

    Raises click.BadParameter, which tells of each that is none, and by which nothing is sent.
    """
    found = _json_of(file)
    if isinstance(found, dict) and "commands" in found:
        raise _refused("it is a whole batch: only the list of its `commands` is wanted")
    if not isinstance(found, list):
        raise _refused(f"it is not a list, but {_kind_of(found)}")
    if not found:
        raise _refused("it holds no command, so there is nothing to send")
    commands, faulty = [], []
    for place, members in enumerate(found):
        at = f"commands.{place}"
        if not isinstance(members, dict):
            faulty.append([f"{at} is not an object, but {_kind_of(members)}"])
            continue
        try:
            commands.append(command_of(members))
        except FaultyCommandError as error:
            faulty.append([f"{at}.{fault}" for fault in error.faults])
    if faulty:
        raise click.BadParameter(_told(faulty, len(found)), param_hint="FILE")
    return commands


def _json_of(file: TextIO) -> Any:
    try:
        return json.load(file, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _refused(f"it is not JSON at {where}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise _refused(f"it is not text: {error}") from None
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise _refused(f"it is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members are all there: of two of a name, the first would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _), *_] = Counter(name for name, _ in pairs).most_common(1)
        raise _refused(f"it has the member {name!r} twice in one object")
    return found


def _kind_of(found: Any) -> str:
    return _KINDS.get(type(found), "a number")


def _told(faulty: list[list[str]], of: int) -> str:
    """All faults of the first faulty commands, line by line, and how many more of those are."""
    its = f"{of} command{'s' * (of != 1)} make{'s' * (len(faulty) == 1)}"
    lines = [
        f"{len(faulty)} of its {its} no request:",
        *(f"  {fault}" for faults in faulty[:SHOWN] for fault in faults),
    ]
    if len(faulty) > SHOWN:
        lines.append(f"  and {len(faulty) - SHOWN} more")
    return "\n".join([*lines, f"Nothing was sent. {EXPECTED}"])


def _refused(told: str) -> click.BadParameter:
    return click.BadParameter(f"{told}. {EXPECTED}", param_hint="FILE")
