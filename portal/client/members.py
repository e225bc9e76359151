"""How what a caller says becomes members of a request; what cannot be one is told at once."""

import json
import re
import reprlib
import secrets
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from portal.client import arguments
from portal.client.answers import Reference
from portal.client.errors import ArgumentError
from portal.client.times import write_time
from portal.clock import utc_now
from portal.pricing.text import count_characters

KEY: Final = re.compile(r"[A-Za-z0-9._:~-]{16,128}")
_NAME: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_NAMES_DEEP: Final = 8  # of what cannot be JSON; it may hold itself
_NO_JSON: Final = "cannot be written as JSON"
_UNWRITABLE: Final = (TypeError, ValueError, RecursionError)
_MICROSECONDS: Final = arguments.one_of("UTC microseconds", int)
Referred = Reference | tuple[str, str] | str
GRANT: Final[arguments.Wanted] = {
    "account": arguments.text,
    "credits": arguments.whole,
    "origin": arguments.text,
    "priority": arguments.optional(arguments.whole),
    "operations": arguments.optional(arguments.texts),
}


def new_key() -> str:
    """A key that nobody has used, for one intention.

    Keys made later sort later, to the millisecond: an index takes those at its end, where it is
    in memory, instead of anywhere.
    """
    return f"key-{utc_now() // 1_000:012x}-{secrets.token_hex(10)}"


def checked_key(key: str, place: str = "key") -> str:
    """A key as the door takes it. Raises ArgumentError."""
    return _matching(KEY, place, "16 to 128", key)


def own_key(key: str | None) -> str:
    """The key of an intention: the one given, or a new one. Raises ArgumentError."""
    return new_key() if key is None else checked_key(key)


def units(quantity: int | None, text: str | None) -> int:
    """The quantity, or the characters of the text as the portal counts them.

    Raises ArgumentError.
    """
    if quantity is not None and text is None:
        arguments.whole("quantity", quantity)
        return quantity
    if text is not None and quantity is None:
        return _counted(text)
    raise ArgumentError("quantity", "or a text is needed, and not both")


def referred(reference: Referred) -> dict[str, str]:
    """A reference as the door reads it; a bare id is that of a task. Raises ArgumentError."""
    pair = ("task", reference) if isinstance(reference, str) else reference
    match pair:
        case (str(kind), str(name)):
            return {"type": kind, "id": name}
    arguments.refuse("reference", "an id, or a pair of type and id that are texts", reference)


def timed(place: str, at: int | str | None) -> str | None:
    """A time as the door reads it: UTC microseconds, or as it is. Raises ArgumentError."""
    if at is None or isinstance(at, str):
        return at
    _MICROSECONDS(place, at)
    try:
        return write_time(at)
    except OverflowError:
        raise ArgumentError(place, "is no time that is written in four digits a year") from None


def named(place: str, name: str) -> str:
    """A name that may stand in a path. Raises ArgumentError."""
    arguments.text(place, name)
    if name in (".", ".."):
        raise ArgumentError(place, f"must not be {name!r}, which is a place in every path")
    return _matching(_NAME, place, "1 to 128", name)


def json_body(members: Mapping[str, Any]) -> bytes:
    """Members as the content of a request; those that are None are left out.

    Raises ArgumentError for what JSON has no words for.
    """
    given = {name: value for name, value in members.items() if value is not None}
    try:
        return _written(given)
    except _UNWRITABLE as error:
        raise next(unwritable(given), ArgumentError("", f"{_NO_JSON}: {error}")) from None


def unwritable(members: Mapping[str, Any]) -> Iterator[ArgumentError]:
    """Whatever in members JSON has no words for, place by place."""
    for names, error in _odd(members, _NAMES_DEEP):
        yield ArgumentError(".".join(names), f"{_NO_JSON}: {error}")


def _counted(text: str) -> int:
    arguments.text("text", text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        told = f"has half a surrogate pair at {error.start}, which nothing can carry"
        raise ArgumentError("text", told) from None
    return count_characters(text)


def _matching(pattern: re.Pattern[str], place: str, length: str, given: Any) -> str:
    wanted = f"{length} of A-Z a-z 0-9 . _ : ~ -"
    if not isinstance(given, str):
        arguments.refuse(place, wanted, given)
    if not pattern.fullmatch(given):
        raise ArgumentError(place, f"must be {wanted}, not {reprlib.repr(given)}")
    return given


def _written(found: Any) -> bytes:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _odd(found: Any, deep: int) -> Iterator[tuple[list[str], Exception]]:
    """What cannot be written, and why: names that lead there, as deep as that can be told."""
    if deep == 0 or not isinstance(found, dict | list | tuple):
        return
    for name, each in found.items() if isinstance(found, dict) else enumerate(found):
        try:
            _written({name: each})
        except _UNWRITABLE as error:
            if isinstance(name, str | int):
                told = str(name).encode("utf-8", "backslashreplace").decode()
                within = _odd(each, deep - 1)
                first = next(within, ([], error))
                yield from (([told, *names], why) for names, why in chain([first], within))
