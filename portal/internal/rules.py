"""Rules for single members: each reads one value, or notes which rule it broke.

A rule is called with (value, member, faults): it returns the value as the ledger takes it, or adds
a Fault and returns None. All faults of a request are told at once.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from portal.internal import times
from portal.internal.errors import Fault
from portal.internal.rule import Rule, closed, takes
from portal.internal.strict_json import OddNumber, canonical
from portal.internal.unseen import find_unseen
from portal.ledger import AMOUNT_MAX, Reference

IDEMPOTENCY_KEY: Final = "[A-Za-z0-9._:~-]{16,128}"
REFERENCE_TYPES: Final = ("task", "generation", "payment", "period", "ticket")
LABELS_MAX: Final = 16
METADATA_MAX: Final = 2048
PRIORITY_MAX: Final = 100
TTL_MAX: Final = 86_400
OPERATIONS_MAX: Final = 32
COMMANDS: Final = ("debit", "hold", "capture", "release", "extend", "refund")
COMMANDS_MAX: Final = 1000
_SHOWN: Final = 64
# What systems keep beside the zones: the zone of a machine is not that of an account.
_NO_ZONES: Final = ("localtime", "Factory", "posixrules", "leapseconds")


def whole(low: int, high: int) -> Rule:
    """An integer in a closed range: no bool, fraction, exponent, text or null."""
    rule = f"must be a whole number from {low} to {high}"

    @takes({"type": "integer", "minimum": low, "maximum": high})
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        return _broken(faults, member, rule, value)

    return read


def matching(pattern: str, says: str) -> Rule:
    """A text of one anchored pattern."""
    fullmatch = re.compile(pattern).fullmatch
    rule = f"must be {says}"

    @takes({"type": "string", "pattern": f"^{pattern}$", "description": says})
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and fullmatch(value):
            return value
        return _broken(faults, member, rule, value)

    return read


def one_of(words: Iterable[str]) -> Rule:
    """One of a fixed set of words."""
    known = tuple(words)
    rule = f"must be one of {', '.join(known)}"

    @takes({"type": "string", "enum": known})
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and value in known:
            return value
        return _broken(faults, member, rule, value)

    return read


def visible(length_max: int, *, joins: bool = False) -> Rule:
    """A text of 1 to `length_max` characters in NFC, none of which is invisible.

    NFC is asked for, not made: two spellings of one reference must never be two references, and
    what a service sends is what it will look for. joins: signs that join letters are let through.
    """
    rule = f"must be 1 to {length_max} visible characters in NFC, not blank at either end"

    @takes({"type": "string", "minLength": 1, "maxLength": length_max, "description": rule})
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and 0 < len(value) <= length_max and value == value.strip():
            misread = _misread(value, joins=joins)
            return value if misread is None else _broken(faults, member, misread, value)
        return _broken(faults, member, rule, value)

    return read


def _misread(text: str, *, joins: bool) -> str | None:
    """The rule by which a text looks like another one, or None."""
    if text.isascii() and text.isprintable():
        return None
    unseen = find_unseen(text, joins=joins)
    if unseen is not None:
        return f"must hold no control, invisible sign or mark of direction; it has {unseen}"
    if not unicodedata.is_normalized("NFC", text):
        return "must be in NFC: composed signs where there are any"
    return None


# Of `.` and `..` every client makes another path before it asks for it.
account_id: Final = matching(
    r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,64}", "1 to 64 of A-Z a-z 0-9 . _ : - but neither . nor .."
)
operation: Final = matching(r"[a-z][a-z0-9_.-]{0,63}", "the name of an operation")
tier: Final = matching(r"[a-z][a-z0-9_.-]{0,63}", "the name of a tier")
idempotency_key: Final = matching(IDEMPOTENCY_KEY, "16 to 128 of A-Z a-z 0-9 . _ : ~ -")
public_id: Final = matching(r"[a-z]{3}_[0-9a-zA-Z]{8,64}", "an id of ours")
amount: Final = whole(1, AMOUNT_MAX)
amount_or_zero: Final = whole(0, AMOUNT_MAX)
ttl: Final = whole(1, TTL_MAX)
name: Final = visible(200, joins=True)
_command_name: Final = one_of(COMMANDS)
_label_name: Final = matching(
    r"[a-z][a-z0-9_]{0,39}", "named by 1 to 40 of a-z 0-9 _, a letter first"
)
_label_text: Final = visible(200, joins=True)


@takes({"type": "boolean"})
def flag(value: Any, member: str, faults: list[Fault]) -> Any:
    """true or false."""
    if isinstance(value, bool):
        return value
    return _broken(faults, member, "must be true or false", value)


@takes({"type": "string", "format": "date-time", "pattern": times.PATTERN})
def instant(value: Any, member: str, faults: list[Fault]) -> Any:
    """An instant on the wire, as UTC µs."""
    at = times.find_time(value) if isinstance(value, str) else None
    if at is None:
        rule = "must be a UTC time like 2026-11-22T13:52:00.123456Z"
        return _broken(faults, member, rule, value)
    return at


@takes({"type": "string", "description": "the name of a time zone, like Europe/Berlin"})
def time_zone(value: Any, member: str, faults: list[Fault]) -> Any:
    """The name of a time zone."""
    if isinstance(value, str) and value in zones():
        return value
    return _broken(faults, member, "must be the name of a time zone, like Europe/Berlin", value)


@cache
def zones() -> frozenset[str]:
    """The names of time zones; read once, as each reading walks a folder of hundreds of files."""
    names = available_timezones().difference(_NO_ZONES)
    return frozenset(name for name in names if not name.startswith(("posix/", "right/")))


def reference(types: tuple[str, ...] = REFERENCE_TYPES) -> Rule:
    """What the request is about: {type, id} and nothing else."""
    known = {"type": one_of(types), "id": visible(128)}
    read_type, read_id = (rule.read for rule in known.values())

    @takes(closed({name: rule.schema for name, rule in known.items()}))
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        if not isinstance(value, dict):
            return _broken(faults, member, "must be an object of type and id", value)
        if value.keys() != known.keys():
            _refuse_unknown(value, known, member, faults)
        found_type = read_type(value.get("type"), f"{member}.type", faults)
        found_id = read_id(value.get("id"), f"{member}.id", faults)
        return Reference(found_type, found_id)

    return read


@takes(
    {
        "type": "object",
        "maxProperties": LABELS_MAX,
        "propertyNames": _label_name.schema,
        "additionalProperties": _label_text.schema,
    }
)
def labels(value: Any, member: str, faults: list[Fault]) -> Any:
    """Names with short texts, as canonical JSON."""
    if not isinstance(value, dict) or len(value) > LABELS_MAX:
        got = len(value) if isinstance(value, dict) else value
        return _broken(faults, member, f"must be an object of at most {LABELS_MAX} names", got)
    for name, text in value.items():
        _label_name(name, f"{member}.{shown(name)}", faults)
        _label_text(text, f"{member}.{shown(name)}", faults)
    return canonical(value) if value and not faults else None


@takes(
    {
        "type": "object",
        "propertyNames": _label_text.schema,
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "description": f"at most {METADATA_MAX} bytes as compact JSON",
    }
)
def metadata(value: Any, member: str, faults: list[Fault]) -> Any:
    """An object of scalars, as canonical JSON; the ledger keeps it and never reads it."""
    if not isinstance(value, dict):
        return _broken(faults, member, "must be an object of scalars", value)
    for name, inner in value.items():
        _label_text(name, member, faults)
        if isinstance(inner, dict | list | OddNumber):
            rule = "must be a text, a whole number, true, false or null"
            _broken(faults, f"{member}.{shown(name)}", rule, inner)
        elif isinstance(inner, str) and find_unseen(inner, joins=True):
            _broken(faults, f"{member}.{shown(name)}", "must be visible characters", inner)
    if faults:
        return None
    text = canonical(value)
    size = len(text.encode())
    if size > METADATA_MAX:
        return _broken(faults, member, f"must be at most {METADATA_MAX} bytes", size)
    return text if value else None


@takes(
    {
        "type": "array",
        "items": operation.schema,
        "minItems": 1,
        "maxItems": OPERATIONS_MAX,
        "uniqueItems": True,
    }
)
def operations(value: Any, member: str, faults: list[Fault]) -> Any:
    """Names of the operations a grant may pay for."""
    if not isinstance(value, list) or not 0 < len(value) <= OPERATIONS_MAX:
        got = len(value) if isinstance(value, list) else value
        return _broken(faults, member, f"must be a list of 1 to {OPERATIONS_MAX} operations", got)
    names = tuple(operation(name, f"{member}.{place}", faults) for place, name in enumerate(value))
    if len({*names}) != len(names) and not faults:
        return _broken(faults, member, "must name each operation once", None)
    return names


@takes(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": COMMANDS_MAX,
        "items": {
            "type": "object",
            "properties": {
                "command": _command_name.schema,
                "idempotency_key": idempotency_key.schema,
            },
            "required": ["command", "idempotency_key"],
        },
    }
)
def commands(value: Any, member: str, faults: list[Fault]) -> Any:
    """Commands of a batch: objects, each with its name and idempotency key, the rest unread."""
    if not isinstance(value, list) or not 0 < len(value) <= COMMANDS_MAX:
        got = len(value) if isinstance(value, list) else value
        return _broken(faults, member, f"must be a list of 1 to {COMMANDS_MAX} commands", got)
    for place, each in enumerate(value):
        if isinstance(each, dict):
            broken: list[Fault] = []
            _command_name.read(each.get("command"), "command", broken)
            idempotency_key.read(each.get("idempotency_key"), "idempotency_key", broken)
            for name, rule, got in broken:
                faults.append(Fault(f"{member}.{place}.{name}", rule, got))
        else:
            _broken(faults, f"{member}.{place}", "must be an object", each)
    return tuple(value)


def _broken(faults: list[Fault], member: str, rule: str, value: Any) -> Any:
    faults.append(Fault(member, rule, shown(value)))
    return None


def shown(value: Any) -> str | int | bool | None:
    match value:
        case bool() | int() | None:
            return value
        case str():
            return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
        case OddNumber(text):
            return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        case dict():
            return "an object"
        case _:
            return "a list"


def _refuse_unknown(
    value: dict[str, Any], known: Iterable[str], member: str, faults: list[Fault]
) -> None:
    for name in value:
        if name not in known:
            where = f"{member}.{shown(name)}" if member else f"{shown(name)}"
            faults.append(Fault(where, "is not a member of this", shown(value[name])))
