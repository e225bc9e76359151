"""What a refusal may tell its caller: of another service's hold or entry, that there is none."""

from portal import ledger
from portal.internal.named import Named


def disclosed(
    outcome: ledger.Outcome, command: ledger.Command, service: str, named: Named
) -> ledger.Outcome:
    """The outcome as a service may see it.

    A refusal speaks of what it was decided by. If that belongs to another service, it is told as
    what was never there: nothing else tells the two apart.
    """
    if isinstance(outcome, ledger.Posted) or _is_own(command, service, named):
        return outcome
    match command:
        case ledger.ExtendHold() | ledger.CaptureHold() | ledger.ReleaseHold():
            return ledger.Refused(ledger.HoldNotFoundError(command.hold_id))
        case ledger.Refund():
            return ledger.Refused(ledger.EntryNotFoundError(command.entry_id))
    return outcome


def _is_own(command: ledger.Command, service: str, named: Named) -> bool:
    """Whether what a command names is the service's, or nobody's in particular."""
    match command:
        case ledger.ExtendHold() | ledger.CaptureHold() | ledger.ReleaseHold():
            hold = named.find_hold(command.hold_id)
            return hold is None or hold.service == service
        case ledger.Refund():
            entry = named.find_entry(command.entry_id)
            return entry is None or entry.actor_kind != "service" or entry.actor == service
    return True
