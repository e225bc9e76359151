"""JSON as the door reads and writes it: one meaning for every text, or no meaning at all.

Refused: what readers of JSON disagree on (RFC 8259 §4, RFC 7493): duplicate names, NaN, other
encodings, unpaired surrogates. Numbers that are not whole, or too long, are kept as text, so
that the member they stand in can be named.
"""

import json
import re
from collections import Counter
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, NoReturn

from portal.internal.errors import MalformedRequestError

DEPTH_MAX: Final = 8
INTEGER_MAX: Final = 2**63 - 1
quoted: Final = encode_basestring  # a text as both writers below write it
_DIGITS_MAX: Final = 19
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SORTED: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True
)
_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_ALIKE: Final = bytes.maketrans(b"[]", b"{}")
_OPENING: Final = ord("{")
_NO_BRACKETS: Final = bytes({*range(256)}.difference(b"[]{}"))


class OddNumber(NamedTuple):
    """A number that no member takes: a fraction, an exponent, minus zero or 2^63 and beyond."""

    text: str


def read_object(raw: bytes) -> dict[str, Any]:
    """The members of a request's content. Raises MalformedRequestError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError("The content is not UTF-8.", at=error.start) from None
    _refuse_depth(raw)
    try:
        value = _READER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"The content is not JSON: {error.msg}.", at=error.pos
        ) from None
    if not isinstance(value, dict):
        raise MalformedRequestError("The content must be one JSON object.")
    if "\\u" in text:  # only an escape can spell what UTF-8 cannot, or a NUL
        _refuse_odd_text(value)
    return value


def write(value: Any) -> str:
    """JSON of an answer: compact, members in the order given."""
    return _WRITER.encode(value)


def rewritten(kept: str) -> str:
    """JSON that was kept, as an answer has it."""
    return write(json.loads(kept))


def canonical(value: Any) -> str:
    """JSON by which two requests are compared: compact, names sorted."""
    return _SORTED.encode(value)


def _refuse_depth(raw: bytes) -> None:
    """Nesting is counted before parsing, which would recurse once a level.

    Of a text without escapes every second piece between quotes is outside of texts.
    """
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_MAX:
        return
    plain = _ESCAPE.sub(b"", raw) if b"\\" in raw else raw
    brackets = b"".join(plain.split(b'"')[::2]).translate(_ALIKE, _NO_BRACKETS)
    rest = brackets
    for _ in range(DEPTH_MAX):  # each time the innermost level goes
        rest = rest.replace(b"{}", b"")
    depth = 0
    for each in brackets if rest else b"":
        depth += 1 if each == _OPENING else -1
        if depth > DEPTH_MAX:
            raise MalformedRequestError("The content is nested too deeply.", maximum=DEPTH_MAX)


def _refuse_odd_text(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedRequestError("A text holds NUL or half of a surrogate pair.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _refuse_odd_text(name)
            _refuse_odd_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_odd_text(inner)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        member = ascii(twice[:64])[1:-1]
        raise MalformedRequestError(f"The member {member} comes twice.", member=member)
    return found


def _whole(text: str) -> int | OddNumber:
    if len(text) > _DIGITS_MAX + 1 or text == "-0":
        return OddNumber(text)
    number = int(text)
    return number if -INTEGER_MAX <= number <= INTEGER_MAX else OddNumber(text)


def _constant(text: str) -> NoReturn:
    raise MalformedRequestError(f"{text} is not JSON.")


_READER: Final = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_whole,
    parse_float=OddNumber,
    parse_constant=_constant,
)
