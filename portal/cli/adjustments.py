"""`flask adjust`: correct an account, with a reason and a second person's approval."""

import click
from flask.cli import with_appcontext

from portal import ledger
from portal.cli.asking import ask, intention, operator, read_reference, say


@click.command("adjust")
@click.argument("account")
@click.option("--credits", type=int, required=True, help="To add; below zero, to take away.")
@click.option("--reason", required=True, help="correction, compensation, chargeback, migration.")
@click.option("--reference", callback=read_reference, required=True, help="As in ticket:T-3312.")
@click.option("--note", required=True, help="Why, in words; kept for ever.")
@click.option("--by", required=True, help="Who asks for it.")
@click.option("--approved-by", required=True, help="Who agrees: somebody else.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
@with_appcontext
def adjust(
    account: str,
    credits: int,
    reason: str,
    reference: ledger.Reference,
    note: str,
    by: str,
    approved_by: str,
    as_json: bool,
) -> None:
    """Correct ACCOUNT by some credits, once for each reference."""
    members = {
        "account": account,
        "amount": credits,
        "reason": reason,
        "reference": reference._asdict(),
        "approved_by": approved_by,
        "note": note,
    }
    command = ledger.Adjust(
        actor=operator(by),
        request=intention(by, "adjustment", f"{account} {reference.type}:{reference.id}", members),
        account_id=account,
        amount=credits,
        reason=reason,
        reference=reference,
        approved_by=approved_by,
        note=note,
    )
    say(ask(command), as_json=as_json)
