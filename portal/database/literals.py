"""Values as PostgreSQL reads them in text: numbers, texts, bytes, and lists of these.

Lists are joined whole, not value by value: an append hands over some forty columns as lists.
"""

from collections.abc import Sequence
from typing import Any, Final

BETWEEN: Final = "\0"
NULL: Final = "NULL"


class NulError(ValueError):
    """A text holds NUL, where PostgreSQL's texts end."""

    def __init__(self) -> None:
        super().__init__("a text holds NUL, which PostgreSQL cannot keep")


def literal(value: Any) -> bytes | None:
    """One value. Raises NulError, and TypeError for what the ledger never stores."""
    if value is None:
        return None
    kind = type(value)
    if kind is str:
        if BETWEEN in value:
            raise NulError
        text: str = value
    elif kind is int:
        text = str(value)
    elif kind is bytes:
        text = "\\x" + value.hex()
    elif kind is list:
        text = array(value)
    else:
        raise TypeError(f"no literal for {kind.__name__}")
    return text.encode()


def array(values: Sequence[Any]) -> str:
    """A list, `{…}`: all texts, all numbers or all bytes, with or without None among them."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return "{" + texts(values) + "}"
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if kinds == {bytes}:
        return '{"\\\\x' + '","\\\\x'.join(value.hex() for value in values) + '"}'
    return "{" + ",".join(NULL if value is None else array([value])[1:-1] for value in values) + "}"


def texts(values: Sequence[str]) -> str:
    """Texts in quotes, between commas."""
    joined = BETWEEN.join(values)
    if joined.count(BETWEEN) != len(values) - 1:
        raise NulError
    if '"' in joined or "\\" in joined:
        joined = joined.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + joined.replace(BETWEEN, '","') + '"'
