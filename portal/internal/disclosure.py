"""What a refusal may tell its caller: of another service's hold or entry, that there is none."""

from portal import current, ledger


def disclosed(outcome: ledger.Outcome, command: ledger.Command, service: str) -> ledger.Outcome:
    """The outcome as a service may see it.

    A refusal speaks of what it was decided by. If that belongs to another service, it is told as
    what was never there: nothing else tells the two apart.
    """
    if isinstance(outcome, ledger.Posted) or _is_own(command, service):
        return outcome
    match command:
        case ledger.ExtendHold() | ledger.CaptureHold() | ledger.ReleaseHold():
            return ledger.Refused(ledger.HoldNotFoundError(command.hold_id))
        case ledger.Refund():
            return ledger.Refused(ledger.EntryNotFoundError(command.entry_id))
    return outcome


def _is_own(command: ledger.Command, service: str) -> bool:
    """Whether what a command names is the service's, or nobody's in particular."""
    match command:
        case ledger.ExtendHold() | ledger.CaptureHold() | ledger.ReleaseHold():
            with current.database.reading() as connection:
                hold = ledger.find_hold(connection, command.hold_id)
            return hold is None or hold.service == service
        case ledger.Refund():
            with current.database.reading() as connection:
                entry = ledger.find_entry_anywhere(connection, command.entry_id)
            return entry is None or entry.actor_kind != "service" or entry.actor == service
    return True
