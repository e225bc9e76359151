"""`flask account`: open accounts, change their terms, show how they stand."""

import json
from typing import Any

import click
from flask.cli import AppGroup

from portal import current, ledger, pricing
from portal.cli.asking import BY, ask, operator, read_instant
from portal.cli.tables import show_table
from portal.internal.bodies import AccountBody
from portal.internal.errors import Fault, ValidationError
from portal.internal.replies import account_reply, balance_reply
from portal.internal.rules import account_id
from portal.internal.times import write_time

account = AppGroup("account", help="Open accounts, change their terms, show how they stand.")
by_option = click.option("--by", default=BY, show_default=True, help="Who asks.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")


@account.command("put")
@click.argument("id_", metavar="ID")
@click.option("--name", required=True, help="What people call the customer.")
@click.option("--tier", required=True, help="The plan; a larger one takes effect at once.")
@click.option("--time-zone", help="As in Europe/Berlin.  [default: as it is, else UTC]")
@click.option(
    "--anchor-at",
    callback=read_instant,
    metavar="TIME",
    help="What periods count from.  [default: now]",
)
@by_option
@json_option
def put(
    id_: str,
    name: str,
    tier: str,
    time_zone: str | None,
    anchor_at: int | None,
    by: str,
    as_json: bool,
) -> None:
    """Open the account ID, or change its terms; the same again changes nothing."""
    with current.database.reading() as connection:
        known = ledger.find_account(connection, id_)
    zone = time_zone or (known.time_zone if known else "UTC")
    body = checked(id_, {"name": name, "tier": tier, "time_zone": zone})
    outcome = ask(
        ledger.PutAccount(
            actor=operator(by),
            account_id=id_,
            name=body.name,
            tier=body.tier,
            anchor_at=anchor_at,
            time_zone=body.time_zone,
        )
    )
    say(outcome.account, as_json=as_json)


@account.command("show")
@click.argument("id_", metavar="ID")
@json_option
def show(id_: str, as_json: bool) -> None:
    """Show the terms of account ID and its balance now."""
    now, tariffs, ids = current.now(), current.tariffs(), current.ids
    command = ledger.Advance(account_id=id_)
    with current.database.reading() as connection:
        outcome = ledger.preview(connection, command, now=now, tariffs=tariffs, ids=ids)
    if isinstance(outcome, ledger.Refused):
        raise click.ClickException(str(outcome.error))
    say(outcome.account, as_json=as_json)


@account.command("list")
@click.option("--after", metavar="ID", help="Begin behind this account.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(after: str | None, limit: int, as_json: bool) -> None:
    """List accounts in the order of their ids, with the balances last written."""
    with current.database.reading() as connection:
        found = ledger.list_accounts(connection, after, limit)
    if as_json:
        click.echo(json.dumps([told(each) for each in found], ensure_ascii=False))
        return
    show_table(
        ("id", "tier", "status", "posted", "held", "available", "name"),
        [(a.id, a.tier, a.status, a.posted, a.held, a.available, a.name) for a in found],
    )
    if len(found) == limit:
        click.echo(f"there may be more: --after {found[-1].id}", err=True)


@account.command("status")
@click.argument("id_", metavar="ID")
@click.argument("status", type=click.Choice(ledger.STATUSES))
@click.option("--note", help="Why.")
@by_option
@json_option
def status(id_: str, status: str, note: str | None, by: str, as_json: bool) -> None:
    """Activate, suspend, freeze or close the account ID."""
    command = ledger.SetStatus(actor=operator(by), account_id=id_, status=status, note=note)
    say(ask(command).account, as_json=as_json)


@account.command("cap")
@click.argument("id_", metavar="ID")
@click.argument(
    "limit", metavar="LIMIT", type=click.Choice(pricing.CREDIT_CAPS + pricing.STOP_LOSSES)
)
@click.argument("credits", type=int, required=False)
@click.option("--operation", help="Cap this one alone; not for a stop-loss.  [default: all]")
@click.option("--remove", is_flag=True, help="Back to the cap of the plan, if it has one.")
@click.option("--lift", is_flag=True, help="Let a stop-loss be until its day or period ends.")
@click.option("--note", help="Why.")
@by_option
@json_option
def cap(
    id_: str,
    limit: str,
    credits: int | None,
    operation: str | None,
    remove: bool,
    lift: bool,
    note: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Cap what the account ID may spend, or set a stop-loss, or lift one.

    LIMIT is credits_per_day or credits_per_period, a cap that is never passed; or
    stop_loss_per_day or stop_loss_per_period, after which everything new is refused. CREDITS is
    how many. A day is a day in UTC, a period one of the account.
    """
    if [credits is not None, remove, lift].count(True) != 1:
        raise click.UsageError("give one of CREDITS, --remove and --lift")
    command = ledger.SetCap(
        actor=operator(by),
        account_id=id_,
        limit=limit,
        operation=operation,
        credits=credits,
        lift=lift,
        note=note,
    )
    say(ask(command).account, as_json=as_json)


def checked(id_: str, members: dict[str, Any]) -> AccountBody:
    """The terms as the signed door would take them; all faults at once."""
    faults: list[Fault] = []
    account_id(id_, "ID", faults)
    try:
        body = AccountBody.read(members)
        if not faults:
            return body
    except ValidationError as error:
        faults += error.faults
    raise click.ClickException("; ".join(f"{fault.member} {fault.rule}" for fault in faults))


def say(account: ledger.Account, *, as_json: bool) -> None:
    """An account's terms and balance, as the signed door tells them or a line each."""
    if as_json:
        click.echo(json.dumps(told(account), ensure_ascii=False))
        return
    coming = f", {account.next_tier} from the next period on" if account.next_tier else ""
    lines = {
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "tier": f"{account.tier}{coming}",
        "period": f"{write_time(account.period_start)} to {write_time(account.period_end)}",
        "time zone": account.time_zone,
        "posted": f"{account.posted:,}",
        "held": f"{account.held:,}",
        "available": f"{account.available:,}",
        "overdraft": f"{account.overdraft_limit:,}",
        "caps": "; ".join(map(cap_words, ledger.read_caps(account.caps))) or "those of its tier",
    }
    for name, value in lines.items():
        click.echo(f"{name:10} {value}")


def told(account: ledger.Account) -> dict[str, Any]:
    """An account as JSON members."""
    balance = balance_reply(account.id, account.posted, account.held, account.seq)
    caps = [cap._asdict() for cap in ledger.read_caps(account.caps)]
    return {"account": account_reply(account), "balance": balance, "caps": caps}


def cap_words(cap: pricing.SpendCap) -> str:
    """A cap in a line: "credits_per_day of generate 5,000"."""
    of = "" if cap.operation is None else f" of {cap.operation}"
    lifted = "" if cap.lifted_until is None else f" (lifted until {write_time(cap.lifted_until)})"
    return f"{cap.limit}{of} {cap.credits:,}{lifted}"
