"""How what a caller says becomes members of a request; what cannot be one is told at once."""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from portal.client.answers import Reference
from portal.client.times import write_time
from portal.clock import utc_now
from portal.pricing.text import count_characters

KEY: Final = re.compile(r"[A-Za-z0-9._:~-]{16,128}")
_NAME: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
Referred = Reference | tuple[str, str] | str


def new_key() -> str:
    """A key that nobody has used, for one intention.

    Keys made later sort later, to the millisecond: an index takes those at its end, where it is
    in memory, instead of anywhere.
    """
    return f"key-{utc_now() // 1_000:012x}-{secrets.token_hex(10)}"


def checked_key(key: str) -> str:
    """A key as the door takes it. Raises ValueError."""
    if not KEY.fullmatch(key):
        raise ValueError(f"a key is 16 to 128 of A-Z a-z 0-9 . _ : ~ -, not {key!r}")
    return key


def own_key(key: str | None) -> str:
    """The key of an intention: the one given, or a new one. Raises ValueError."""
    return new_key() if key is None else checked_key(key)


def units(quantity: int | None, text: str | None) -> int:
    """The quantity, or the characters of the text as the portal counts them."""
    if quantity is not None and text is None:
        return quantity
    if text is not None and quantity is None:
        return count_characters(text)
    raise TypeError("either a quantity or a text is needed, and not both")


def referred(reference: Referred) -> dict[str, str]:
    """A reference as the door reads it; a bare id is that of a task."""
    kind, name = ("task", reference) if isinstance(reference, str) else reference
    return {"type": kind, "id": name}


def timed(at: int | str | None) -> str | None:
    """A time as the door reads it: UTC microseconds, or as it is."""
    return write_time(at) if isinstance(at, int) else at


def named(name: str) -> str:
    """A name that may stand in a path. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a name is 1 to 128 of A-Z a-z 0-9 . _ : ~ -, not {name!r}")
    return name


def json_body(members: Mapping[str, Any]) -> bytes:
    """Members as the content of a request; those that are None are left out."""
    given = {name: value for name, value in members.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
