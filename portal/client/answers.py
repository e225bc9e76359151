"""What the door answers, as values. Members that are not known here are let pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from portal.client.errors import GarbledAnswerError, RefusedError, refusal_of
from portal.client.times import read_time


class Reference(NamedTuple):
    """What a charge is about: of one type, task unless told otherwise, and an id."""

    type: str
    id: str


class Draw(NamedTuple):
    """What came from one grant, or went back to it; grant is None for overdraft."""

    grant: str | None
    amount: int


class Balance(NamedTuple):
    """An account right after the entry `seq`: posted credits, those set aside, those left."""

    account: str
    posted: int
    held: int
    available: int
    seq: int


class Entry(NamedTuple):
    """One line of an account's history. Amounts are signed; times are UTC microseconds."""

    id: str
    account: str
    seq: int
    kind: str
    amount: int
    hold_amount: int
    posted_after: int
    held_after: int
    reason: str | None
    reference: Reference | None
    operation: str | None
    quantity: int | None
    tariff: str | None
    hold: str | None
    reverses: str | None
    draws: tuple[Draw, ...]
    labels: dict[str, str]
    metadata: dict[str, Any]
    occurred_at: int
    recorded_at: int
    hash: str


class Hold(NamedTuple):
    """Credits set aside for a job; status: open, captured, released or expired."""

    id: str
    account: str
    status: str
    amount: int
    captured: int
    operation: str
    quantity: int
    reference: Reference | None
    expires_at: int
    created_at: int


class Quote(NamedTuple):
    """A price that is honoured until `expires_at`, and whether it could be paid now."""

    id: str
    account: str
    operation: str
    quantity: int
    credits: int
    tariff: str
    expires_at: int
    draws: tuple[Draw, ...]
    available_after: int
    sufficient: bool


class Account(NamedTuple):
    """An account and its terms. Times are UTC microseconds."""

    id: str
    name: str
    status: str
    tier: str
    next_tier: str | None
    overdraft_limit: int
    time_zone: str
    anchor_at: int
    period_start: int
    period_end: int
    created_at: int


class Posted(NamedTuple):
    """What a command did. hold: None where it has none; replayed: the key had done it before."""

    entry: Entry
    balance: Balance
    hold: Hold | None
    key: str
    replayed: bool


class Outcome(NamedTuple):
    """What came of a key, as a retry with it would be told: an HTTP status, and the members."""

    status: int
    body: dict[str, Any]


Value = TypeVar("Value", Reference, Draw, Balance, Entry, Hold, Quote, Account)


def read(kind: type[Value], members: Any) -> Value:
    """One value of an answer. Raises GarbledAnswerError where a member is missing or odd."""
    try:
        found = {name: _member(name, members[name]) for name in kind._fields}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GarbledAnswerError(f"no {kind.__name__.lower()} in it ({error!r})") from error
    return kind(**found)


def read_posted(members: Mapping[str, Any], key: str, replayed: bool) -> Posted:
    """The answer to a command. Raises GarbledAnswerError."""
    hold = members.get("hold")
    return Posted(
        read(Entry, members.get("entry")),
        read(Balance, members.get("balance")),
        None if hold is None else read(Hold, hold),
        key,
        replayed,
    )


def read_results(members: Mapping[str, Any], keys: Sequence[str]) -> list[Posted | RefusedError]:
    """What became of each command of a batch, which came in the order of `keys`.

    Raises GarbledAnswerError.
    """
    results = members.get("results")
    if not isinstance(results, list) or len(results) != len(keys):
        raise GarbledAnswerError(f"no {len(keys)} results in it")
    return [_result(each, key) for each, key in zip(results, keys, strict=True)]


def _result(result: Any, key: str) -> Posted | RefusedError:
    try:
        status, body, replayed = (result[name] for name in ("status", "body", "replayed"))
    except (KeyError, TypeError) as error:
        raise GarbledAnswerError(f"no result in it ({error!r})") from error
    if not isinstance(body, dict) or not isinstance(status, int):
        raise GarbledAnswerError("no result in it")
    if status == 201:
        return read_posted(body, key, bool(replayed))
    return refusal_of(status, body, key)


def _member(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    return value if reader is None or value is None else reader(value)


def _reference(members: Any) -> Reference:
    return read(Reference, members)


def _draws(members: Any) -> tuple[Draw, ...]:
    return tuple(read(Draw, one) for one in members)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "reference": _reference,
    "draws": _draws,
    **dict.fromkeys(
        (
            "occurred_at", "recorded_at", "expires_at", "created_at",
            "anchor_at", "period_start", "period_end",
        ),
        read_time,
    ),
}  # fmt: skip
