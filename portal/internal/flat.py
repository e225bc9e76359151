"""JSON of what a command did, written flat; `replies` builds the same, member by member.

An answer to a batch has a thousand of them: to make some forty small values of each, only to write
them down once, costs four times as much. The tests hold both against each other.
"""

from collections.abc import Iterable

from portal import ledger
from portal.internal.strict_json import quoted, rewritten
from portal.internal.times import write_time


def flat_posted(outcome: ledger.Posted) -> str:
    """What a command did: the hold if there is one, its entry, the balance after it."""
    entry, hold = outcome.entry, outcome.hold
    if entry is None:
        raise ValueError("a command of a service always has an entry")
    held = "" if hold is None else f'"hold":{flat_hold(hold)},'
    return (
        f'{{{held}"entry":{flat_entry(entry, outcome.draws)},'
        f'"balance":{{"account":{quoted(entry.account_id)},"posted":{entry.posted_after},'
        f'"held":{entry.held_after},"available":{entry.posted_after - entry.held_after},'
        f'"seq":{entry.seq}}}}}'
    )


def flat_entry(entry: ledger.Entry, draws: Iterable[ledger.Draw]) -> str:
    """One entry, as `entry_reply` has it."""
    if entry.kind in ("hold", "release"):
        told = [f'{{"grant":{_text(draw.grant_id)},"amount":{draw.pinned}}}' for draw in draws]
    else:
        told = [f'{{"grant":{_text(draw.grant_id)},"amount":{draw.amount}}}' for draw in draws]
    quantity = "null" if entry.quantity is None else entry.quantity
    return (
        f'{{"id":{quoted(entry.id)},"account":{quoted(entry.account_id)},"seq":{entry.seq},'
        f'"kind":{quoted(entry.kind)},"amount":{entry.amount},"hold_amount":{entry.hold_amount},'
        f'"posted_after":{entry.posted_after},"held_after":{entry.held_after},'
        f'"reason":{quoted(entry.reason)},'
        f'"reference":{_reference(entry.reference_type, entry.reference_id)},'
        f'"operation":{_text(entry.operation)},"quantity":{quantity},'
        f'"tariff":{_text(entry.tariff)},"hold":{_text(entry.hold_id)},'
        f'"reverses":{_text(entry.reverses_id)},"draws":[{",".join(told)}],'
        f'"labels":{_object(entry.labels)},"metadata":{_object(entry.metadata)},'
        f'"occurred_at":"{write_time(entry.occurred_at)}",'
        f'"recorded_at":"{write_time(entry.recorded_at)}","hash":"{entry.hash.hex()}"}}'
    )


def flat_hold(hold: ledger.Hold) -> str:
    """One hold, as `hold_reply` has it."""
    return (
        f'{{"id":{quoted(hold.id)},"account":{quoted(hold.account_id)},'
        f'"status":{quoted(hold.status)},"amount":{hold.amount},"captured":{hold.captured},'
        f'"operation":{quoted(hold.operation)},"quantity":{hold.quantity},'
        f'"reference":{_reference(hold.reference_type, hold.reference_id)},'
        f'"expires_at":"{write_time(hold.expires_at)}",'
        f'"created_at":"{write_time(hold.created_at)}"}}'
    )


def _text(text: str | None) -> str:
    return "null" if text is None else quoted(text)


def _reference(kind: str | None, name: str | None) -> str:
    if kind is None or name is None:
        return "null"
    return f'{{"type":{quoted(kind)},"id":{quoted(name)}}}'


def _object(kept: str | None) -> str:
    return "{}" if kept is None else rewritten(kept)
