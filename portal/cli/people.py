"""`flask people`: who may sign in, for which account; add, list and disable."""

import json
import sys

import click
from flask.cli import AppGroup

from portal import current, identity, ledger
from portal.cli.tables import show_table

people = AppGroup("people", help="Who may sign in on the pages.")


@people.command("add")
@click.argument("email")
@click.option("--account", help="The account whose pages the person sees; an admin may have none.")
@click.option("--admin", is_flag=True, help="An admin: sees the admins' pages as well.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(email: str, account: str | None, admin: bool, password_stdin: bool) -> None:
    """Let EMAIL sign in; asks for the password twice."""
    password = read_password(password_stdin)
    role = "admin" if admin else "customer"
    try:
        with current.database.writing() as connection:
            if account is not None:
                ledger.get_account(connection, account)
            person = identity.add_person(
                connection, email, password, account_id=account, role=role, now=current.now()
            )
    except (identity.IdentityError, ledger.AccountNotFoundError) as error:
        raise click.ClickException(str(error)) from None
    whose = f" for account {person.account_id}" if person.account_id else ""
    click.echo(f"{person.email} may sign in{whose} as {person.role}")


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of lines.")
def show(as_json: bool) -> None:
    """List everybody who was ever let in."""
    with current.database.reading() as connection:
        found = [told(person) for person in identity.list_people(connection)]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    show_table(("email", "account", "role", "state"), [tuple(each.values()) for each in found])


def told(person: identity.Person) -> dict[str, str | None]:
    """A person as JSON members."""
    return {
        "email": person.email,
        "account": person.account_id,
        "role": person.role,
        "state": "active" if person.is_active else "disabled",
    }


@people.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Shut EMAIL out at once and end all their sessions."""
    try:
        with current.database.writing() as connection:
            person = identity.disable_person(connection, email, current.now())
    except identity.IdentityError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{person.email} may not sign in any more; all sessions have ended")


def read_password(from_stdin: bool) -> str:
    """The new password: the first line of standard input, or asked for twice without an echo."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
