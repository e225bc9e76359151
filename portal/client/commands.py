"""What a service can ask for, as values: each a request of its own, or one command of a batch."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from typing import Any, ClassVar, Final

from portal.client import arguments
from portal.client.answers import Entry, Quote, Reference
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
        arguments.check(self.wanted, vars(self))

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
        "quote": optional(arguments.one_of("a Quote or its id", Quote, str)),
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

    def __post_init__(self) -> None:
        super().__post_init__()
        self.members()

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


def command_of(members: Mapping[str, Any]) -> Command:
    """The command that members of a batch are. Raises ArgumentError where none is."""
    arguments.mapping("command", members)
    rest = dict(members)
    name, key = rest.pop("command", None), rest.pop("idempotency_key", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ArgumentError("command", f"must be one of {', '.join(KINDS)}")
    known = {each.name: each for each in fields(kind) if each.name != "key"}
    for member in rest:
        if member not in known:
            raise ArgumentError(member, f"is no member of a {name}")
    for member, each in known.items():
        if member not in rest and each.default is MISSING:
            raise ArgumentError(member, f"is missing, which a {name} needs")
    if isinstance(rest.get("reference"), Mapping):
        rest["reference"] = _reference_of(rest["reference"])
    if key is not None:
        rest["key"] = checked_key(key, "idempotency_key")
    return kind(**rest)


def _reference_of(members: Mapping[str, Any]) -> Reference:
    for member in members:
        if member not in Reference._fields:
            raise ArgumentError(f"reference.{member}", "is no member of a reference")
    for member in Reference._fields:
        arguments.text(f"reference.{member}", members.get(member))
    return Reference(**members)
