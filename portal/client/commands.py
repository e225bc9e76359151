"""What a service can ask for, as values: each a request of its own, or one command of a batch."""

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Final

from portal.client import arguments
from portal.client.answers import Entry, Quote
from portal.client.arguments import Wanted, optional
from portal.client.errors import ArgumentError
from portal.client.members import Referred, checked_key, named, new_key, referred, timed, units


@dataclass(frozen=True)
class Command:
    """One intention, and its key: made where none is given. Raises ArgumentError."""

    name: ClassVar[str]
    place: ClassVar[str]
    wanted: ClassVar[Wanted] = {}  # of its members
    _: KW_ONLY
    key: str = field(default_factory=new_key)

    def __post_init__(self) -> None:
        checked_key(self.key)
        for fault in self.faults(vars(self)):
            raise fault

    @classmethod
    def faults(cls, given: Mapping[str, Any]) -> Iterator[ArgumentError]:
        """What is wrong with members by which one would be made; those left out may be missing."""
        return arguments.faults(cls.wanted, given)

    @property
    def path(self) -> str:
        """Where it is asked for alone."""
        return self.place

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own; what is None is left out."""
        raise NotImplementedError

    def in_batch(self) -> dict[str, Any]:
        """Its members as one command of a batch."""
        own = {name: value for name, value in self.members().items() if value is not None}
        return {"command": self.name, "idempotency_key": self.key, **own}


@dataclass(frozen=True)
class Spending(Command):
    """What a debit and a hold have in common. quantity, or the text to be counted."""

    wanted: ClassVar[Wanted] = {
        "account": arguments.text,
        "operation": arguments.text,
        "reference": lambda _, given: referred(given),
        "quote": optional(arguments.one_of("a Quote or its id", Quote, str)),
        "occurred_at": timed,
        "labels": optional(arguments.named_texts),
        "metadata": optional(arguments.mapping),
    }
    account: str
    operation: str
    _: KW_ONLY
    reference: Referred
    quantity: int | None = None
    text: str | None = None
    quote: Quote | str | None = None
    occurred_at: int | None = None
    labels: Mapping[str, str] | None = None
    metadata: Mapping[str, Any] | None = None

    @classmethod
    def faults(cls, given: Mapping[str, Any]) -> Iterator[ArgumentError]:
        """What is wrong with members; of quantity and text one is always needed."""
        yield from super().faults(given)
        try:
            units(given.get("quantity"), given.get("text"))
        except ArgumentError as error:
            yield error

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {
            "account": self.account,
            "operation": self.operation,
            "quantity": units(self.quantity, self.text),
            "reference": referred(self.reference),
            "quote": self.quote.id if isinstance(self.quote, Quote) else self.quote,
            "occurred_at": timed("occurred_at", self.occurred_at),
            "labels": None if self.labels is None else dict(self.labels),
            "metadata": None if self.metadata is None else dict(self.metadata),
        }


@dataclass(frozen=True)
class Debit(Spending):
    """Charge at once; occurred_at: UTC microseconds."""

    name = "debit"
    place = "/debits"


@dataclass(frozen=True)
class PlaceHold(Spending):
    """Set a job's price aside."""

    name = "hold"
    place = "/holds"
    wanted: ClassVar[Wanted] = {**Spending.wanted, "ttl_seconds": optional(arguments.whole)}
    _: KW_ONLY
    ttl_seconds: int | None = None

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {**super().members(), "ttl_seconds": self.ttl_seconds}


@dataclass(frozen=True)
class OfHold(Command):
    """What is asked of a hold, by its id."""

    wanted: ClassVar[Wanted] = {"hold": arguments.text}
    hold: str

    @property
    def path(self) -> str:
        """Where it is asked for alone."""
        return f"{PlaceHold.place}/{named('hold', self.hold)}/{self.name}"

    def in_batch(self) -> dict[str, Any]:
        """Its members as one command of a batch."""
        return {**super().in_batch(), "hold": self.hold}


@dataclass(frozen=True)
class CaptureHold(OfHold):
    """Charge credits of a hold; 0 is zero. Unless final, the rest stays held."""

    name = "capture"
    wanted: ClassVar[Wanted] = {
        **OfHold.wanted,
        "credits": arguments.whole,
        "final": arguments.flag,
    }
    credits: int
    final: bool = True

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {"credits": self.credits, "final": None if self.final else False}


@dataclass(frozen=True)
class ReleaseHold(OfHold):
    """Give all that a hold still sets aside back: failed, cancelled, timed_out, moderated."""

    name = "release"
    wanted: ClassVar[Wanted] = {**OfHold.wanted, "reason": arguments.text}
    reason: str = "failed"

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {"reason": self.reason}


@dataclass(frozen=True)
class ExtendHold(OfHold):
    """Let a hold live for ttl_seconds from now; a larger quantity sets more aside."""

    name = "extend"
    wanted: ClassVar[Wanted] = {
        **OfHold.wanted,
        "ttl_seconds": arguments.whole,
        "quantity": optional(arguments.whole),
    }
    ttl_seconds: int
    quantity: int | None = None

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {"ttl_seconds": self.ttl_seconds, "quantity": self.quantity}


@dataclass(frozen=True)
class Refund(Command):
    """Undo a debit or capture: all that is left of it, or only some credits."""

    name = "refund"
    place = "/refunds"
    wanted: ClassVar[Wanted] = {
        "entry": arguments.one_of("an Entry or its id", Entry, str),
        "reason": arguments.text,
        "credits": optional(arguments.whole),
    }
    entry: Entry | str
    reason: str
    credits: int | None = None

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        entry = self.entry.id if isinstance(self.entry, Entry) else self.entry
        return {"entry": entry, "reason": self.reason, "credits": self.credits}


KINDS: Final = {
    kind.name: kind for kind in (Debit, PlaceHold, CaptureHold, ReleaseHold, ExtendHold, Refund)
}


def in_batch(commands: Any) -> list[dict[str, Any]]:
    """Commands as members of a batch, in order. Raises ArgumentError."""
    arguments.listed("commands", commands, "a list of commands")
    check = arguments.one_of("a command such as Debit", *KINDS.values())
    for place, each in enumerate(commands):
        check(f"commands.{place}", each)
    return [each.in_batch() for each in commands]
