"""Members of answers, a type each: what replies are checked against and what is published of them.

Nothing is computed here; `replies` fills these in. A member's type carries its rule where it has
one, as with the members of requests.
"""

from typing import Annotated, Any, Literal, TypedDict

from portal import ledger
from portal.internal import rules
from portal.internal.bodies import AccountId, Operation, Quantity
from portal.internal.rule import Rule
from portal.internal.strict_json import INTEGER_MAX


def _id(prefix: str) -> Rule:
    return rules.matching(f"{prefix}_[0-9a-zA-Z]{{8,64}}", "an id of ours")


EntryId = Annotated[str, _id("ent")]
GrantId = Annotated[str, _id("grt")]
HoldId = Annotated[str, _id("hld")]
QuoteId = Annotated[str, _id("qte")]
Time = Annotated[str, rules.instant]
Seq = Annotated[int, rules.whole(0, INTEGER_MAX)]
Credits = Annotated[int, rules.whole(0, INTEGER_MAX)]
Signed = Annotated[int, rules.whole(-INTEGER_MAX, INTEGER_MAX)]


class Reference(TypedDict):
    """What something is about."""

    type: str
    id: str


class Draw(TypedDict):
    """What an entry took from or gave to a grant; null is the overdraft."""

    grant: GrantId | None
    amount: Signed


class Entry(TypedDict):
    """One entry of an account's history."""

    id: EntryId
    account: AccountId
    seq: Seq
    kind: Annotated[str, rules.one_of(ledger.KINDS)]
    amount: Signed
    hold_amount: Signed
    posted_after: Signed
    held_after: Credits
    reason: str
    reference: Reference | None
    operation: Operation | None
    quantity: Quantity | None
    tariff: str | None
    hold: HoldId | None
    reverses: EntryId | None
    draws: list[Draw]
    labels: Annotated[dict[str, str], rules.labels]
    metadata: Annotated[dict[str, Any], rules.metadata]
    occurred_at: Time
    recorded_at: Time
    hash: Annotated[str, rules.matching("[0-9a-f]{64}", "a SHA-256 in hexadecimal")]


class Balance(TypedDict):
    """A balance right after entry `seq`."""

    account: AccountId
    posted: Signed
    held: Credits
    available: Signed
    seq: Seq


class Hold(TypedDict):
    """Credits set aside for a job."""

    id: HoldId
    account: AccountId
    status: Annotated[str, rules.one_of(("open", "captured", "released", "expired"))]
    amount: Credits
    captured: Credits
    operation: Operation
    quantity: Quantity
    reference: Reference
    expires_at: Time
    created_at: Time


class Quote(TypedDict):
    """A price that is honoured until it expires."""

    id: QuoteId
    account: AccountId
    operation: Operation
    quantity: Quantity
    credits: Credits
    tariff: str
    expires_at: Time
    draws: list[Draw]
    available_after: Signed
    sufficient: bool


class Account(TypedDict):
    """An account and its terms."""

    id: AccountId
    name: str
    status: Annotated[str, rules.one_of(ledger.STATUSES)]
    tier: str
    next_tier: str | None
    overdraft_limit: Credits
    time_zone: str
    anchor_at: Time
    period_start: Time
    period_end: Time
    created_at: Time


class Posted(TypedDict):
    """What a debit, a refund or a grant did."""

    entry: Entry
    balance: Balance


class PostedHold(TypedDict):
    """What a command on a hold did."""

    hold: Hold
    entry: Entry
    balance: Balance


class Standing(TypedDict):
    """How an account stands."""

    account: Account
    balance: Balance


class QuoteAnswer(TypedDict):
    """A quote."""

    quote: Quote


class HoldAnswer(TypedDict):
    """A hold."""

    hold: Hold


class BalanceAnswer(TypedDict):
    """A balance."""

    balance: Balance


class Entries(TypedDict):
    """A page of history, newest first. next: the `before` of the next page; null on the last."""

    entries: list[Entry]
    next: Seq | None


class Outcome(TypedDict):
    """The status and body that a retry with the key would get."""

    status: Literal[201, 402]
    body: dict[str, Any]


class Result(TypedDict):
    """What a command of a batch would have been answered alone."""

    status: int
    body: dict[str, Any]
    replayed: bool


class BatchAnswer(TypedDict):
    """What became of each command, in order."""

    results: list[Result]
