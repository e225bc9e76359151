"""`flask call`: what a service may ask of the door, by hand; it is the client library that asks."""

import json
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TextIO

import click
from flask.cli import AppGroup

from portal import current
from portal.cli.command_file import read_commands
from portal.cli.demo.sheet import find_sheet
from portal.cli.exits import MISTAKEN, REFUSED, TOLD, UNKNOWN, fail, fail_of_batch
from portal.client import (
    ArgumentError,
    Credits,
    CreditsError,
    Entry,
    MisconfiguredError,
    Outcome,
    OutcomeUnknownError,
    Patience,
    Posted,
    Quote,
    RefusedError,
    Settings,
)
from portal.client.arguments import SECONDS_MAX, SECONDS_MIN
from portal.client.members import own_key
from portal.client.settings import PREFIX
from portal.client.times import write_time
from portal.pricing import REFUND_REASONS, RELEASE_REASONS

_TIMES: Final = frozenset({"period_start", "period_end"})
_OWN: Final = ("url", "kid", "secret_file", "authority", "ca_file")
_NEITHER: Final = (
    f"If no option and no {PREFIX}… names a portal or a key, the demo is asked: the sample portal"
    " that `make run` serves on this machine, with its key from var/demo.json."
)
_SECONDS: Final = click.FloatRange(SECONDS_MIN, SECONDS_MAX)
_OPTIONS: Final = (
    click.option("--url", help=f"The portal's address; else {PREFIX}URL. {_NEITHER}"),
    click.option("--kid", help=f"The key's id; else {PREFIX}KID."),
    click.option("--secret-file", help=f"Holds the secret; else {PREFIX}SECRET or _SECRET_FILE."),
    click.option("--authority", help=f"Where it is not that of the url; else {PREFIX}AUTHORITY."),
    click.option("--ca-file", help=f"Certificates to trust; else {PREFIX}CA_FILE."),
    click.option("--deadline", type=_SECONDS, default=30.0, show_default=True, help="In seconds."),
)

call = AppGroup(
    "call",
    help="Ask the service door for something, signed as a service.\n\n"
    "Options say which portal is asked and with which key, or variables of the environment:"
    f" {PREFIX}URL, {PREFIX}KID, {PREFIX}SECRET. {_NEITHER}\n\n{TOLD}",
)
key_option = click.option("--key", help="Of this intention, to repeat it; without it, a new one.")
account_option = click.option("--account", required=True, help="Whose credits.")
quote_option = click.option("--quote", help="The id of a quote to be honoured.")


def asking(command: Callable[..., Any]) -> Callable[..., None]:
    """Give a command its client, show what comes back as JSON, and exit as it went."""

    @wraps(command)
    def run(deadline: float, **asked: Any) -> None:
        given = {name.upper(): value for name in _OWN if (value := asked.pop(name))}
        try:
            settings = settings_of(given)
            with Credits(settings, patience=Patience(deadline=deadline)) as credits:
                show(command(credits, **asked))
        except (ArgumentError, MisconfiguredError) as error:
            fail(str(error), MISTAKEN)
        except OutcomeUnknownError as error:
            fail(f"{error}. Repeat it with --key {error.key}", UNKNOWN)
        except RefusedError as error:
            click.echo(json.dumps(error.problem, indent=2, ensure_ascii=False))
            fail(str(error), REFUSED)
        except CreditsError as error:
            fail(str(error), REFUSED)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def spending(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whatever has a price: account, operation, quantity or text."""
    for option in (
        click.option("--text", help="To be counted, instead of a quantity."),
        click.option("--quantity", type=int, help="How much, in the operation's unit."),
        click.option("--operation", default="generate", show_default=True),
        account_option,
    ):
        command = option(command)
    return command


def jobbing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whatever is charged for a job: its reference."""
    for option in (
        click.option("--reference-type", default="task", show_default=True),
        click.option("--reference", help="The id of the job; without it, a new one."),
    ):
        command = option(command)
    return command


@call.command("quote")
@spending
@asking
def quote(credits: Credits, **asked: Any) -> Quote:
    """The price of an operation for an account, honoured for half an hour."""
    return credits.quote(**asked)


@call.command("debit")
@spending
@jobbing
@quote_option
@key_option
@asking
def debit(credits: Credits, **asked: Any) -> Posted:
    """Charge an account at once."""
    return credits.debit(**with_reference(asked))


@call.command("hold")
@spending
@jobbing
@click.option("--ttl-seconds", type=int, help="How long; without it, as the operation says.")
@quote_option
@key_option
@asking
def hold(credits: Credits, **asked: Any) -> Posted:
    """Set credits aside for a job; its end is told by capture or release."""
    return credits.hold(**with_reference(asked)).placed


@call.command("capture")
@click.argument("hold")
@click.option("--credits", "due", type=int, help="Of the hold; without it, all that is left.")
@click.option("--part", is_flag=True, help="Leave the rest set aside for later.")
@key_option
@asking
def capture(credits: Credits, hold: str, due: int | None, part: bool, key: str | None) -> Posted:
    """Charge credits of the hold HOLD."""
    if due is None:
        held = credits.get_hold(hold)
        due = held.amount - held.captured
    return credits.capture(hold, due, final=not part, key=key)


@call.command("release")
@click.argument("hold")
@click.option("--reason", type=click.Choice(RELEASE_REASONS), default="failed", show_default=True)
@key_option
@asking
def release(credits: Credits, hold: str, **asked: Any) -> Posted:
    """Give all that the hold HOLD sets aside back."""
    return credits.release(hold, **asked)


@call.command("extend")
@click.argument("hold")
@click.option("--ttl-seconds", type=int, required=True, help="How long, from now on.")
@click.option("--quantity", type=int, help="Of the whole job, if it is more than before.")
@key_option
@asking
def extend(credits: Credits, hold: str, **asked: Any) -> Posted:
    """Let the hold HOLD live on, or set more aside for it."""
    return credits.extend(hold, **asked)


@call.command("refund")
@click.argument("entry")
@click.option("--reason", type=click.Choice(REFUND_REASONS), required=True)
@click.option("--credits", "due", type=int, help="Without it, all that is left to refund.")
@key_option
@asking
def refund(credits: Credits, entry: str, due: int | None, **asked: Any) -> Posted:
    """Undo the debit or capture ENTRY, all or part of it."""
    return credits.refund(entry, credits=due, **asked)


@call.command("batch")
@click.argument("file", type=click.File())
@click.option("--atomic", is_flag=True, help="All of them, or none.")
@asking
def batch(credits: Credits, file: TextIO, *, atomic: bool) -> list[Any]:
    """Do the commands of FILE (- is what comes in): a JSON list of them, as a batch has them.

    A command without an idempotency_key gets a new one, shown with what became of it. Where nobody
    knows what did, the commands are shown as a FILE by which to repeat them.

    Exits with 0 only if all were done: with 2 if FILE cannot be sent, with 3 if the outcome of one
    is unknown, else with 1.
    """
    commands = read_commands(file)
    try:
        results = credits.batch(commands, atomic=atomic)
    except OutcomeUnknownError as error:
        show([each.in_batch() for each in commands])
        unknown = f"{error.after} the outcome of this batch is unknown: {error.last}"
        fail(f"{unknown}. Repeat the commands as they are shown, each with its key", UNKNOWN)
    shown = [each if isinstance(each, Posted) else refused_as_told(each) for each in results]
    if refused := [each for each in results if isinstance(each, RefusedError)]:
        show(shown)
        fail_of_batch(refused, len(results))
    return shown


@call.command("balance")
@account_option
@click.option("--as-of", help="A seq, or a time like 2026-11-22T13:52:00Z.")
@asking
def balance(credits: Credits, account: str, as_of: str | None) -> Any:
    """What an account has, and what of it is set aside."""
    return credits.balance(account, as_of=as_of)


@call.command("account")
@account_option
@asking
def account(credits: Credits, account: str) -> Any:
    """An account and its terms."""
    return credits.account(account)


@call.command("entries")
@account_option
@click.option("--newest", type=click.IntRange(min=1), default=20, show_default=True)
@asking
def entries(credits: Credits, account: str, newest: int) -> list[Entry]:
    """The newest entries of an account."""
    return list(credits.entries(account, newest=newest))


@call.command("outcome")
@click.argument("key")
@asking
def outcome(credits: Credits, key: str) -> Outcome | None:
    """What came of a request with this KEY; null if it never happened."""
    return credits.find_outcome(key)


def settings_of(given: Mapping[str, str]) -> Settings:
    """Options before the environment; where neither says anything, the demo's own key."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if "SECRET_FILE" in given:
        environment.pop(f"{PREFIX}SECRET", None)
    environment |= {f"{PREFIX}{name}": value for name, value in given.items()}
    if not any(environment.values()):
        sheet = find_sheet(current.config.root / "var")
        if sheet is None:
            raise MisconfiguredError(
                f"Which portal, with which key? Give --url, --kid and --secret-file, or set"
                f" {PREFIX}URL, {PREFIX}KID and {PREFIX}SECRET, or start a demo: make run"
            )
        kid, secret, authority = sheet.service_key
        return Settings.of(sheet.url, kid, secret, authority=authority)
    return Settings.from_environment(environment)


def with_reference(asked: dict[str, Any]) -> dict[str, Any]:
    """Members with the reference in one: its type and id; without one the key stands for it.

    Whoever repeats a command by its key alone must ask for the same.
    """
    kind, name, key = asked.pop("reference_type"), asked.pop("reference"), own_key(asked["key"])
    return {**asked, "key": key, "reference": (kind, name or f"call-{key}")}


def show(found: Any) -> None:
    """A value of the client as JSON, its times as the door writes them."""
    click.echo(json.dumps(told(found), indent=2, ensure_ascii=False))


def told(found: Any, name: str = "") -> Any:
    """A value as JSON has it: tuples with names are objects."""
    if hasattr(found, "_asdict"):
        return {key: told(value, key) for key, value in found._asdict().items()}
    if isinstance(found, list | tuple):
        return [told(value) for value in found]
    if isinstance(found, int) and (name.endswith("_at") or name in _TIMES):
        return write_time(found)
    return found


def refused_as_told(error: RefusedError) -> dict[str, Any]:
    """A refusal beside what was done: its key, and the problem as it came."""
    return {"key": error.key, "problem": error.problem}
