"""The members of one command of a file: the command that they are, or every fault they have."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from portal.client import ArgumentError, Command
from portal.client.answers import Reference
from portal.client.arguments import faults, optional, text
from portal.client.commands import KINDS
from portal.client.members import checked_key, unwritable

_KEY: Final = {"idempotency_key": optional(lambda place, key: checked_key(key, place))}
_REFERENCE: Final = dict.fromkeys(Reference._fields, True)


class FaultyCommandError(Exception):
    """These members are no command. faults: all that are known, one of each place."""

    def __init__(self, found: Iterable[ArgumentError]) -> None:
        first: dict[str, ArgumentError] = {}
        for fault in found:
            first.setdefault(fault.place, fault)
        self.faults = [*first.values()]
        super().__init__("; ".join(map(str, self.faults)))


def command_of(members: Mapping[str, Any]) -> Command:
    """The command that members of a batch are. Raises FaultyCommandError where they are none."""
    if found := [*_faults_of(members)]:
        raise FaultyCommandError(found)
    given = dict(members)
    kind, key = KINDS[given.pop("command")], given.pop("idempotency_key", None)
    if isinstance(given.get("reference"), Mapping):
        given["reference"] = Reference(**given["reference"])
    return kind(**given) if key is None else kind(**given, key=key)


def _faults_of(members: Mapping[str, Any]) -> Iterator[ArgumentError]:
    """What is wrong with them; of a command that nobody knows no more than its key is judged."""
    own = {"command", *_KEY}
    rest = {name: value for name, value in members.items() if name not in own}
    name = members.get("command")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        yield ArgumentError("command", f"must be one of {', '.join(KINDS)}")
    else:
        known = {each.name: each.default is MISSING for each in fields(kind) if each.name != "key"}
        yield from _misnamed(rest, known, "an extend" if name == "extend" else f"a {name}")
        yield from _wrong(kind, {name: value for name, value in rest.items() if name in known})
    yield from faults(_KEY, members)


def _wrong(kind: type[Command], given: Mapping[str, Any]) -> Iterator[ArgumentError]:
    """Values that its members cannot have. Of an object each member is judged."""
    flat = dict(given)
    if isinstance(given.get("reference"), Mapping):
        reference = flat.pop("reference")
        yield from _misnamed(reference, _REFERENCE, "a reference", "reference.")
        yield from _no_texts("reference", reference)
    if isinstance(given.get("labels"), Mapping):
        yield from _no_texts("labels", flat.pop("labels"))
    yield from kind.faults(flat)
    yield from unwritable(given)


def _misnamed(
    given: Mapping[str, Any], known: Mapping[str, bool], what: str, within: str = ""
) -> Iterator[ArgumentError]:
    """Members that are not known, and those that are needed and missing."""
    for name in given:
        if name not in known:
            yield ArgumentError(f"{within}{name}", f"is no member of {what}")
    for name, needed in known.items():
        if needed and name not in given:
            yield ArgumentError(f"{within}{name}", f"is missing, which {what} needs")


def _no_texts(place: str, given: Mapping[str, Any]) -> Iterator[ArgumentError]:
    flat = {f"{place}.{name}": value for name, value in given.items()}
    return faults(dict.fromkeys(flat, text), flat)
