"""What a service can ask for, as values: each a request of its own, or one command of a batch."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Final

from portal.client.answers import Entry, Quote
from portal.client.members import Referred, checked_key, named, new_key, referred, timed, units


@dataclass(frozen=True)
class Command:
    """One intention, and its key: made where none is given."""

    name: ClassVar[str]
    place: ClassVar[str]
    _: KW_ONLY
    key: str = field(default_factory=new_key)

    def __post_init__(self) -> None:
        checked_key(self.key)

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

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {
            "account": self.account,
            "operation": self.operation,
            "quantity": units(self.quantity, self.text),
            "reference": referred(self.reference),
            "quote": self.quote.id if isinstance(self.quote, Quote) else self.quote,
            "occurred_at": timed(self.occurred_at),
            "labels": self.labels,
            "metadata": self.metadata,
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
    _: KW_ONLY
    ttl_seconds: int | None = None

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {**super().members(), "ttl_seconds": self.ttl_seconds}


@dataclass(frozen=True)
class OfHold(Command):
    """What is asked of a hold, by its id."""

    hold: str

    @property
    def path(self) -> str:
        """Where it is asked for alone."""
        return f"{PlaceHold.place}/{named(self.hold)}/{self.name}"

    def in_batch(self) -> dict[str, Any]:
        """Its members as one command of a batch."""
        return {**super().in_batch(), "hold": self.hold}


@dataclass(frozen=True)
class CaptureHold(OfHold):
    """Charge credits of a hold; 0 is zero. Unless final, the rest stays held."""

    name = "capture"
    credits: int
    final: bool = True

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {"credits": self.credits, "final": None if self.final else False}


@dataclass(frozen=True)
class ReleaseHold(OfHold):
    """Give all that a hold still sets aside back: failed, cancelled, timed_out, moderated."""

    name = "release"
    reason: str = "failed"

    def members(self) -> dict[str, Any]:
        """Its members in a request of its own."""
        return {"reason": self.reason}


@dataclass(frozen=True)
class ExtendHold(OfHold):
    """Let a hold live for ttl_seconds from now; a larger quantity sets more aside."""

    name = "extend"
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


def command_of(members: Mapping[str, Any]) -> Command:
    """The command that members of a batch are. Raises ValueError or TypeError where none is."""
    rest = dict(members)
    name, key = rest.pop("command", None), rest.pop("idempotency_key", None)
    if name not in KINDS:
        raise ValueError(f"a command is one of {', '.join(KINDS)}, not {name!r}")
    if isinstance(rest.get("reference"), Mapping):
        rest["reference"] = (rest["reference"].get("type"), rest["reference"].get("id"))
    return KINDS[name](**rest, **({} if key is None else {"key": key}))
