"""How an operator asks the ledger: in a name, once a reference, with refusals as sentences."""

import json
from typing import Any, Final

import click

from portal import current, ledger, pricing
from portal.internal.errors import Fault
from portal.internal.replies import posted_reply
from portal.internal.rules import REFERENCE_TYPES, reference
from portal.internal.strict_json import canonical
from portal.internal.times import find_time

BY: Final = "operator"
# Periods are the ledger's own: nobody else may grant or correct in their place.
TYPES: Final = tuple(kind for kind in REFERENCE_TYPES if kind != "period")


def read_reference(context: click.Context, param: click.Parameter, text: str) -> ledger.Reference:
    """An option's TYPE:ID, as in payment:pay_2041, by the rules of the signed door."""
    kind, _, name = text.partition(":")
    faults: list[Fault] = []
    found: ledger.Reference = reference(TYPES)({"type": kind, "id": name}, "reference", faults)
    if faults:
        told = "; ".join(f"{fault.member} {fault.rule}" for fault in faults)
        raise click.BadParameter(told, param=param)
    return found


def read_instant(context: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """An option's UTC time in microseconds; None where it was not given."""
    at = None if text is None else find_time(text)
    if text is not None and at is None:
        raise click.BadParameter("must be a UTC time like 2026-12-31T00:00:00Z", param=param)
    return at


def operator(name: str) -> ledger.Actor:
    """Who asks on the command line."""
    return ledger.Actor("admin", name)


def intention(by: str, command: str, key: str, members: dict[str, Any]) -> ledger.Request:
    """What an operator wants, under a key that no service can take (it holds blanks).

    The same again changes nothing; the same key for something else is refused.
    """
    return ledger.Request(by, f"{command} {key}", canonical({"command": command, **members}))


def ask(command: ledger.Command) -> ledger.Posted:
    """Submit a command; what the ledger refuses ends the program with its sentence."""
    try:
        outcome = current.submit(command)
    except ledger.LedgerError as error:
        raise click.ClickException(str(error)) from None
    if isinstance(outcome, ledger.Refused):
        raise click.ClickException(sentence(outcome.error))
    return outcome


def sentence(error: ledger.LedgerError | pricing.PricingError) -> str:
    """A refusal in words; of an account that stands still, with the command that lifts it."""
    told = str(error).strip()
    if isinstance(error, ledger.AccountFrozenError | ledger.AccountSuspendedError):
        return f"{told} Lift it with: flask --app wsgi account status {error.account} active"
    return told


def say(outcome: ledger.Posted, *, as_json: bool) -> None:
    """What was done: the entry and the balance after it."""
    entry = outcome.entry
    if as_json:
        click.echo(json.dumps(posted_reply(outcome), ensure_ascii=False))
        return
    if entry is None:
        raise ValueError("this command always has an entry")
    again = "done before: " if outcome.replayed else ""
    click.echo(
        f"{again}{entry.kind} {entry.reason} of {entry.amount:+,} credits on {entry.account_id}: "
        f"{entry.id}, seq {entry.seq}, {entry.posted_after - entry.held_after:,} available"
    )
