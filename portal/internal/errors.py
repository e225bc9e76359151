"""What the door itself refuses, before the ledger is asked; statuses are in `problems`."""

from typing import Any, ClassVar, NamedTuple, NotRequired, TypedDict


class Fault(NamedTuple):
    """One member that broke a rule: its dotted name, the rule, and what came (cut short)."""

    member: str
    rule: str
    got: str | int | bool | None


class NoNumbers(TypedDict):
    """Nothing beside the sentence."""


class Malformed(TypedDict):
    """Where the content cannot be read."""

    at: NotRequired[int]
    maximum: NotRequired[int]
    member: NotRequired[str]


class TooLarge(TypedDict):
    """Bytes."""

    maximum: int
    got: int


class TooSlow(TypedDict):
    """Bytes that came, of how many, and the seconds in which they were waited for."""

    got: int
    length: int
    seconds: int


class Denied(TypedDict):
    """Scopes of which one was needed, and those of the key; or its operations."""

    needs: NotRequired[tuple[str, ...]]
    has: NotRequired[tuple[str, ...]]
    operations: NotRequired[tuple[str, ...]]


class Capped(TypedDict):
    """Units; of a day's cap, whole seconds until the next day, and whose cap it is."""

    cap: str
    maximum: int
    requested: int
    retry_after: NotRequired[int]
    operation: NotRequired[str]


class NotHappened(TypedDict):
    """The idempotency key that was asked for."""

    key: str


class Faults(TypedDict):
    """Every member that broke a rule."""

    members: list[Fault]


class DoorError(Exception):
    """The request cannot be taken. told: the type of its numbers."""

    told: ClassVar[type] = NoNumbers

    def __init__(self, detail: str | None = None, **numbers: Any) -> None:
        super().__init__(detail or type(self).__doc__)
        self._numbers = numbers

    def numbers(self) -> dict[str, Any]:
        """Members and figures of this refusal, by name."""
        return self._numbers


class MalformedRequestError(DoorError):
    """The request is not well-formed."""

    told = Malformed


class IdempotencyKeyMissingError(DoorError):
    """A POST needs an Idempotency-Key header, covered by its signature."""


class BodyTimeoutError(DoorError):
    """The content came too slowly."""

    told = TooSlow


class PayloadTooLargeError(DoorError):
    """The content is larger than this resource takes."""

    told = TooLarge


class UnsupportedMediaTypeError(DoorError):
    """The content type must be application/json, in UTF-8."""


class ScopeDeniedError(DoorError):
    """This key may not do that."""

    told = Denied


class KeyCapError(DoorError):
    """This key may not ask for so many units."""

    told = Capped


class RequestNotFoundError(DoorError):
    """No request with this key has had an outcome: it never happened."""

    told = NotHappened


class ValidationError(DoorError):
    """Members break rules; `members` holds every fault."""

    told = Faults

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        number = isinstance(first.got, int) and not isinstance(first.got, bool)
        got = f", not {first.got}" if number else ""
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(
            f"{first.member} {first.rule}{got}{more}.",
            members=[fault._asdict() for fault in faults],
        )
        self.faults = faults
