"""The content of each request of the door, as frozen values: exact members, all faults at once.

A field's annotation carries its rule, so that what is documented, validated and typed is one line.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Final, NamedTuple, Self, get_type_hints

from portal.internal import rules
from portal.internal.errors import Fault, ValidationError
from portal.internal.rule import Rule
from portal.ledger import Reference
from portal.pricing import QUANTITY_MAX, REFUND_REASONS, RELEASE_REASONS

ORIGINS: Final = ("purchase", "promotion", "goodwill", "import")
# Periods are the ledger's own: a grant about one would stand where the period's allocation does.
GRANTED_FOR: Final = tuple(kind for kind in rules.REFERENCE_TYPES if kind != "period")

AccountId = Annotated[str, rules.account_id]
Operation = Annotated[str, rules.operation]
Quantity = Annotated[int, rules.whole(1, QUANTITY_MAX)]
Seconds = Annotated[int, rules.whole(1, rules.TTL_MAX)]
Instant = Annotated[int, rules.instant]
Labels = Annotated[str, rules.labels]
Metadata = Annotated[str, rules.metadata]


class Shape(NamedTuple):
    """The members a body may have, each with its rule, and those it must have."""

    rules: Mapping[str, Rule]
    required: tuple[str, ...]


_SHAPES: Final[dict[type, Shape]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request's members, each of which has kept its rule."""

    @classmethod
    def read(cls, members: dict[str, Any]) -> Self:
        """The members as a value. Raises ValidationError with every fault, unknown members too."""
        shape = shape_of(cls)
        faults: list[Fault] = []
        found: dict[str, Any] = {}
        for name, value in members.items():
            rule = shape.rules.get(name)
            if rule is None:
                faults.append(Fault(str(rules.shown(name)), "is not a member of this", None))
            else:
                found[name] = rule.read(value, name, faults)
        for name in shape.required:
            if name not in members:
                faults.append(Fault(name, "is missing", None))
        if faults:
            raise ValidationError(faults)
        return cls(**found)


def shape_of(body: type[Body]) -> Shape:
    """The rules of a body, read from its annotations once."""
    found = _SHAPES.get(body)
    if found is None:
        found = _SHAPES[body] = _read_shape(body)
    return found


def _read_shape(body: type[Body]) -> Shape:
    hints = get_type_hints(body, include_extras=True)
    required = tuple(field.name for field in fields(body) if field.default is MISSING)
    return Shape({field.name: _rule(hints[field.name]) for field in fields(body)}, required)


def _rule(hint: Any) -> Rule:
    for part in (hint, *getattr(hint, "__args__", ())):
        for note in getattr(part, "__metadata__", ()):
            if isinstance(note, Rule):
                return note
    raise TypeError(f"{hint} carries no rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitBody(Body):
    """POST /debits."""

    account: AccountId
    operation: Operation
    quantity: Quantity
    reference: Annotated[Reference, rules.reference()]
    quote: Annotated[str, rules.public_id] | None = None
    occurred_at: Instant | None = None
    labels: Labels | None = None
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldBody(DebitBody):
    """POST /holds."""

    ttl_seconds: Seconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureBody(Body):
    """POST /holds/{id}/capture."""

    credits: Annotated[int, rules.amount_or_zero]
    final: Annotated[bool, rules.flag] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBody(Body):
    """POST /holds/{id}/release."""

    reason: Annotated[str, rules.one_of(RELEASE_REASONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendBody(Body):
    """POST /holds/{id}/extend."""

    ttl_seconds: Seconds
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundBody(Body):
    """POST /refunds: `credits` omitted gives back all that is left."""

    entry: Annotated[str, rules.public_id]
    reason: Annotated[str, rules.one_of(REFUND_REASONS)]
    credits: Annotated[int, rules.amount] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBody(Body):
    """POST /batch: each command has its name, its own idempotency key, and its own members."""

    commands: Annotated[tuple[dict[str, Any], ...], rules.commands]
    atomic: Annotated[bool, rules.flag] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantBody(Body):
    """POST /grants."""

    account: AccountId
    credits: Annotated[int, rules.amount]
    origin: Annotated[str, rules.one_of(ORIGINS)]
    reference: Annotated[Reference, rules.reference(GRANTED_FOR)]
    expires_at: Instant | None = None
    effective_at: Instant | None = None
    priority: Annotated[int, rules.whole(0, rules.PRIORITY_MAX)] | None = None
    operations: Annotated[tuple[str, ...], rules.operations] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteBody(Body):
    """POST /quotes."""

    account: AccountId
    operation: Operation
    quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBody(Body):
    """PUT /accounts/{id}."""

    name: Annotated[str, rules.name]
    tier: Annotated[str, rules.tier]
    anchor_at: Instant | None = None
    time_zone: Annotated[str, rules.time_zone] = "UTC"
