"""What each refusal says beside its sentence, as JSON Schema: the numbers that come with a code."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, get_type_hints

from portal import ledger, pricing, signing
from portal.internal import errors, rules
from portal.internal.advice import ADVICE
from portal.internal.problems import HTTP, RENAMED, TABLE, Row, is_time
from portal.internal.rule import Schema, closed
from portal.internal.schemas import Schemas
from portal.limits import RateLimitedError

_TIME: Final[Schema] = rules.instant.schema
_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_PLACE: Final[Mapping[str, Schema]] = {"index": _COUNT, "idempotency_key": _TEXT}
# Of errors that belong to other rooms and are not written as numbers there.
_ELSEWHERE: Final[Mapping[type[Exception], Mapping[str, Schema]]] = {
    signing.SignatureInvalidError: {},
    signing.SignatureExpiredError: {"server_time": _TIME},
    pricing.UnknownOperationError: {
        "operation": _TEXT,
        "known": {"type": "array", "items": _TEXT},
    },
    RateLimitedError: {
        "limited": {"type": "string", "enum": ("key", "account", "address")},
        "limit": _COUNT,
        "window_seconds": _COUNT,
        "retry_after": _COUNT,
    },
}


def problem_schema(error: type[Exception], schemas: Schemas) -> Schema:
    """A reference to the problem that an error of the status table is told as."""
    code = ledger.code_of(error)
    return schemas.refer(code, lambda: _problem(code, TABLE[error], *_numbers(error, schemas)))


def undone_schema(error: type[Exception], schemas: Schemas) -> Schema:
    """A reference to the same problem where it may have undone a whole batch, and says which."""
    code = ledger.code_of(error)
    numbers, missing = _numbers(error, schemas)
    known = {**numbers, **_PLACE}
    made = _problem(code, TABLE[error], known, missing | _PLACE.keys())
    return schemas.refer(f"{code}_of_batch", lambda: made)


def http_problem_schema(status: int, schemas: Schemas) -> Schema:
    """A reference to the problem of what the framework refuses."""
    code, row = HTTP[status]
    return schemas.refer(code, lambda: _problem(code, row, {}, frozenset()))


def _numbers(
    error: type[Exception], schemas: Schemas
) -> tuple[Mapping[str, Schema], frozenset[str]]:
    """Schemas of an error's numbers, and which of them may be missing."""
    if issubclass(error, errors.DoorError):
        told: Any = error.told
        members = get_type_hints(told).items()
        return {name: schemas.of(hint) for name, hint in members}, told.__optional_keys__
    if not issubclass(error, ledger.LedgerError):
        return _ELSEWHERE[error], frozenset()
    hints: Mapping[str, Any] = get_type_hints(error)
    found = {RENAMED.get(name, name): _number(name, hints[name], schemas) for name in hints}
    known: Any = error
    missing = {each.name for each in fields(known) if each.default is None}
    if not issubclass(error, ledger.BLOCKED):
        return found, frozenset(missing)
    return {**found, "refusal": _TEXT}, frozenset(missing | {"refusal"})  # a quote's is not kept


def _number(name: str, hint: Any, schemas: Schemas) -> Schema:
    if not is_time(name):
        return schemas.of(hint)
    return _TIME if hint is int else {"anyOf": [_TIME, {"type": "null"}]}


def _problem(code: str, row: Row, numbers: Mapping[str, Schema], missing: frozenset[str]) -> Schema:
    """The members of one problem, in the order in which they are written."""
    fixed = {"title": row.title, "status": row.status}
    members: dict[str, Schema] = {
        "type": {"const": f"urn:credits:problem:{code}"},
        **{name: {"const": value} for name, value in fixed.items()},
        "detail": _TEXT,
        "instance": _TEXT,
        "code": {"const": code},
        "retryable": {"const": row.retryable},
        **numbers,
    }
    means, does = ADVICE[code]
    told = {"title": row.title, "description": f"{means}. What to do: {does}."}
    return {**told, **closed(members, [name for name in members if name not in missing])}
