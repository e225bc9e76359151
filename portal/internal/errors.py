"""What the door itself refuses, before the ledger is asked; statuses are in `problems`."""

from typing import Any, NamedTuple


class DoorError(Exception):
    """The request cannot be taken."""

    def __init__(self, detail: str | None = None, **numbers: Any) -> None:
        super().__init__(detail or type(self).__doc__)
        self._numbers = numbers

    def numbers(self) -> dict[str, Any]:
        """Members and figures of this refusal, by name."""
        return self._numbers


class MalformedRequestError(DoorError):
    """The request is not well-formed."""


class IdempotencyKeyMissingError(DoorError):
    """A POST needs an Idempotency-Key header, covered by its signature."""


class PayloadTooLargeError(DoorError):
    """The content is larger than this resource takes."""


class UnsupportedMediaTypeError(DoorError):
    """The content type must be application/json, in UTF-8."""


class ScopeDeniedError(DoorError):
    """This key may not do that."""


class KeyCapError(DoorError):
    """This key may not ask for so many units."""


class RequestNotFoundError(DoorError):
    """No request with this key has had an outcome: it never happened."""


class Fault(NamedTuple):
    """One member that broke a rule: its dotted name, the rule, and what came (cut short)."""

    member: str
    rule: str
    got: str | int | bool | None


class ValidationError(DoorError):
    """Members break rules; `members` holds every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(
            f"{first.member} {first.rule}{more}.",
            members=[fault._asdict() for fault in faults],
        )
        self.faults = faults
