"""`flask grant`: give credits that were bought, promised or made good."""

from typing import Any

import click
from flask.cli import AppGroup

from portal import ledger
from portal.cli.asking import BY, ask, intention, operator, read_instant, read_reference, say
from portal.internal.bodies import ORIGINS
from portal.internal.rules import PRIORITY_MAX

grant = AppGroup("grant", help="Give credits that were bought, promised or made good.")


@grant.command("issue")
@click.argument("account")
@click.argument("credits", type=click.IntRange(1, ledger.AMOUNT_MAX))
@click.option("--origin", type=click.Choice(ORIGINS), required=True)
@click.option("--reference", callback=read_reference, required=True, help="TYPE:ID it is for.")
@click.option(
    "--expires-at",
    callback=read_instant,
    metavar="TIME",
    help="When the rest lapses.  [default: never]",
)
@click.option("--operations", help="By commas: what it may pay for.  [default: everything]")
@click.option("--priority", type=click.IntRange(0, PRIORITY_MAX), help="Lower is spent first.")
@click.option("--by", default=BY, show_default=True, help="Who gives it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
def issue(
    account: str,
    credits: int,
    origin: str,
    reference: ledger.Reference,
    expires_at: int | None,
    operations: str | None,
    priority: int | None,
    by: str,
    as_json: bool,
) -> None:
    """Give ACCOUNT a lot of CREDITS, once for each reference."""
    payable = None if operations is None else tuple(operations.replace(",", " ").split())
    terms: dict[str, Any] = {
        "credits": credits,
        "origin": origin,
        "expires_at": expires_at,
        "operations": payable,
        "priority": priority,
    }
    members = {"account": account, "reference": reference._asdict(), **terms}
    command = ledger.IssueGrant(
        actor=operator(by),
        request=intention(by, "grant", f"{account} {reference.type}:{reference.id}", members),
        account_id=account,
        reference=reference,
        **terms,
    )
    say(ask(command), as_json=as_json)
