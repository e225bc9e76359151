"""What can go wrong with a request: it was none, was refused, nobody answered or was reached.

A refusal has the class of its code, with the numbers needed to act as attributes; times among them
are UTC microseconds.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from portal.client.times import read_time


class CreditsError(Exception):
    """Something went wrong with a request to the portal."""


class MisconfiguredError(CreditsError):
    """The client cannot work as it is set up; no repetition helps."""


class ArgumentError(CreditsError, ValueError):
    """What was given makes no request; nothing was sent. place: which it is; rule: what it must be.

    A place is an argument or a member by its dotted name, as in `commands.1`.
    """

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(f"{place} {rule}")
        self.place = place
        self.rule = rule

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was made, so that it can come back from another process."""
        return type(self), (self.place, self.rule)


class UnreachableError(CreditsError):
    """The portal could not be asked: nothing happened there."""


class OutcomeUnknownError(CreditsError):
    """Nobody answered: it may have happened or not. Ask again with the same key, or by the key."""

    def __init__(self, key: str, tries: int, last: str) -> None:
        self.after = f"After {tries} {'try' if tries == 1 else 'tries'}"
        super().__init__(f"{self.after} the outcome of {key} is unknown: {last}")
        self.key = key
        self.tries = tries
        self.last = last

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was made, so that it can come back from another process."""
        return type(self), (self.key, self.tries, self.last)


class GarbledAnswerError(CreditsError):
    """What came is not an answer of the portal."""


class EndedHoldError(CreditsError):
    """The hold has ended, and how cannot be changed."""


class RefusedError(CreditsError):
    """The portal refused. code: a stable word; numbers: all members beyond those of any problem."""

    code: str
    status: int
    retryable: bool

    def __init__(self, status: int, problem: Mapping[str, Any], key: str | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        self.retryable = problem.get("retryable") is True or status == 429 or status >= 500
        self.key = key
        self.numbers = {
            name: _told(name, value) for name, value in problem.items() if name not in _OF_ANY
        }
        self.problem = dict(problem)
        super().__init__(f"{self.code}: {self.detail}")

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was made, so that it can come back from another process."""
        return type(self), (self.status, self.problem, self.key)

    def __getattr__(self, name: str) -> Any:
        """A number of the problem by its name; those a class declares are None if absent."""
        numbers = self.__dict__.get("numbers", {})
        if name in numbers:
            return numbers[name]
        if name in type(self).__annotations__:
            return None
        raise AttributeError(f"{type(self).__name__} has no {name}")


class SignatureInvalidError(RefusedError):
    """The key is unknown or revoked, the secret wrong, or the authority not the portal's."""


class SignatureExpiredError(RefusedError):
    """The clock is wrong by more than was mended."""

    server_time: int


class InsufficientCreditsError(RefusedError):
    """Fewer credits may be spent on this than it needs."""

    required: int
    available: int
    held: int
    spendable: int
    shortfall: int
    next_allocation_at: int | None
    next_allocation: int
    remedies: list[str]


class ScopeDeniedError(RefusedError):
    """The key was not issued for this."""

    needs: list[str]
    has: list[str]


class KeyCapError(RefusedError):
    """More units than the key may ask for."""

    retry_after: int | None


class LimitReachedError(RefusedError):
    """A limit of the account's tier."""

    limit: str
    maximum: int
    requested: int
    until: int | None


class AccountSuspendedError(RefusedError):
    """Nothing new may be spent on the account."""


class AccountFrozenError(RefusedError):
    """Nothing on the account can change."""


class AccountNotFoundError(RefusedError):
    """Nobody opened this account."""


class HoldNotFoundError(RefusedError):
    """There is no such hold of this service."""


class EntryNotFoundError(RefusedError):
    """There is no such entry of this service."""


class RequestNotFoundError(RefusedError):
    """The request never happened."""


class InProgressError(RefusedError):
    """Another request holds the account."""

    retry_after: int | None


class AlreadyChargedError(RefusedError):
    """This operation was charged, or is held, for this reference."""

    original: str


class AlreadyGrantedError(RefusedError):
    """This payment gave credits before."""

    entry: str


class HoldCapturedError(RefusedError):
    """The hold was captured."""

    entry: str
    ended_at: int


class HoldReleasedError(RefusedError):
    """The hold was released."""

    entry: str
    ended_at: int


class HoldExpiredError(RefusedError):
    """The hold ran out, and what it asks is not covered any more."""

    ended_at: int


class CaptureExceedsHoldError(RefusedError):
    """More was to be captured than is set aside."""


class RefundExceedsError(RefusedError):
    """More was to be refunded than is left of the charge."""

    refundable: int


class ValidationError(RefusedError):
    """Members break rules, all of them in `members`."""

    members: list[dict[str, Any]]


class UnknownOperationError(RefusedError):
    """The tariff prices no such operation."""

    operation: str
    known: list[str]


class IdempotencyKeyReusedError(RefusedError):
    """The key stands for another request."""

    members: list[str]


class BalanceLimitError(RefusedError):
    """The account would hold too many credits."""

    maximum: int


class RateLimitedError(RefusedError):
    """Too many requests."""

    retry_after: int | None


class StorageUnavailableError(RefusedError):
    """The ledger could not be read or written; whether this was done is not known."""

    retry_after: int | None


def refusal_of(status: int, problem: Mapping[str, Any], key: str | None = None) -> RefusedError:
    """The error that a problem is, of the class its code names; of RefusedError for any other."""
    return CLASSES.get(str(problem.get("code")), RefusedError)(status, problem, key)


def _told(name: str, value: Any) -> Any:
    if isinstance(value, str) and (name.endswith("_at") or name in ("until", "server_time")):
        try:
            return read_time(value)
        except ValueError:
            return value
    return value


_OF_ANY: Final = {"type", "title", "status", "detail", "instance", "code", "retryable"}
_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")
# insufficient_credits is InsufficientCreditsError: the same words.
CLASSES: Final[Mapping[str, type[RefusedError]]] = {
    _WORD.sub("_", kind.__name__.removesuffix("Error")).lower(): kind
    for kind in RefusedError.__subclasses__()
}
