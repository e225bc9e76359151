"""Numbers with what they count, for the sentences of refusals; codes and members do without."""

from typing import Final

from portal import current, ledger, pricing
from portal.internal.named import Named

# What the limits of a plan count that are not about one operation.
_LIMITED: Final = {"open_holds": "open hold", "live_grants": "live grant"}


def counted_of(number: int, operation: str | None) -> str:
    """A number of an operation's units: "1,204 characters"; "units" where no price list has it."""
    return pricing.counted(number, _unit(operation) or "unit")


def limit_sentence(error: ledger.LimitReachedError, command: ledger.Command, named: Named) -> str:
    """The sentence of a limit that a command reached, in what the limit counts."""
    if error.used is not None:
        noun = "credit"
    else:
        noun = _LIMITED.get(error.limit) or _unit(_operation(command, named)) or "unit"
    limit = error.limit if error.operation is None else f"{error.limit} of {error.operation}"
    allowed = pricing.counted(error.maximum, noun)
    return f"The limit {limit} allows {allowed}, and this would make it {error.requested:,}."


def _operation(command: ledger.Command, named: Named) -> str | None:
    match command:
        case ledger.Debit() | ledger.PlaceHold():
            return command.operation
        case ledger.ExtendHold():
            hold = named.find_hold(command.hold_id)
            return None if hold is None else hold.operation
    return None


def _unit(operation: str | None) -> str | None:
    try:
        known = current.tariffs().in_force(current.now()).operations
    except pricing.NoTariffError:
        return None
    found = known.get(operation or "")
    return None if found is None else found.unit
