"""The query of a request that reads: exact names, all faults at once, as with a body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self
from urllib.parse import parse_qsl

from portal import ledger
from portal.internal import rules
from portal.internal.errors import Fault, MalformedRequestError, ValidationError
from portal.internal.rule import Rule, takes
from portal.internal.strict_json import INTEGER_MAX
from portal.internal.times import find_time

LIMIT_MAX: Final = 200
_FIELDS_MAX: Final = 40
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
Parameters = Mapping[str, Rule]


class AsOf(NamedTuple):
    """A place in an account's history: right after entry `value`, or as recorded at that µs."""

    is_seq: bool
    value: int


def number(low: int, high: int) -> Rule:
    """A whole number written in plain digits."""
    read_whole = rules.whole(low, high)

    @takes(read_whole.schema)
    def read(value: Any, member: str, faults: list[Fault]) -> Any:
        plain = int(value) if _DIGITS.fullmatch(value) else value
        return read_whole(plain, member, faults)

    return read


@takes({"anyOf": [rules.whole(0, INTEGER_MAX).schema, rules.instant.schema]})
def as_of(value: Any, member: str, faults: list[Fault]) -> AsOf | None:
    """A seq in plain digits, or a time."""
    if _DIGITS.fullmatch(value) and int(value) <= INTEGER_MAX:
        return AsOf(True, int(value))
    at = find_time(value)
    if at is not None:
        return AsOf(False, at)
    faults.append(Fault(member, "must be a seq or a UTC time", rules.shown(value)))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceQuery:
    """GET /accounts/{id}/balance."""

    SINGLE: ClassVar[Parameters] = {"as_of": as_of}
    SEVERAL: ClassVar[Parameters] = {}
    as_of: AsOf | None = None

    @classmethod
    def read(cls, query: bytes) -> Self:
        """The query as a value. Raises MalformedRequestError or ValidationError."""
        return cls(**_read(query, cls.SINGLE, cls.SEVERAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesQuery:
    """GET /accounts/{id}/entries: kind and operation may come several times, and any one fits.

    since, until: `from` and `to` on the wire, by time of recording, `to` exclusive.
    """

    SINGLE: ClassVar[Parameters] = {
        "limit": number(1, LIMIT_MAX),
        "before": number(1, INTEGER_MAX),
        "reference": rules.visible(128),
        "from": rules.instant,
        "to": rules.instant,
    }
    SEVERAL: ClassVar[Parameters] = {
        "kind": rules.one_of(ledger.KINDS),
        "operation": rules.operation,
    }
    limit: int = 50
    before: int | None = None
    kind: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    reference: str | None = None
    since: int | None = None
    until: int | None = None

    @classmethod
    def read(cls, query: bytes) -> Self:
        """The query as a value. Raises MalformedRequestError or ValidationError."""
        found = _read(query, cls.SINGLE, cls.SEVERAL)
        names = {"from": "since", "to": "until"}
        return cls(**{names.get(name, name): value for name, value in found.items()})


def _read(query: bytes, single: Parameters, several: Parameters) -> dict[str, Any]:
    faults: list[Fault] = []
    found: dict[str, Any] = {}
    for name, text in _pairs(query):
        if name in several:
            value = several[name](text, name, faults)
            found[name] = (*found.get(name, ()), value)
        elif name not in single:
            faults.append(Fault(str(rules.shown(name)), "is not a parameter of this", None))
        elif name in found:
            faults.append(Fault(name, "comes twice", rules.shown(text)))
        else:
            found[name] = single[name](text, name, faults)
    if faults:
        raise ValidationError(faults)
    return found


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise MalformedRequestError("The query cannot be read.") from None
