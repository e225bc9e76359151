"""What `make run` says once the portal listens: where it is, who may sign in, what to paste."""

import shlex
import sys
from pathlib import Path
from typing import Final

from portal.cli.demo.cast import CUSTOMERS
from portal.cli.demo.sheet import NAME, Sheet

PLOTS: Final = {
    "northwind": "scale plan: an audiobook studio with months of history",
    "wanderlust": "starter plan: a podcaster who is refused for want of credits",
    "mira": "free plan: a newcomer with a lapsed gift and little left",
}
STUDIO: Final = "Jobs that go well, fail, or are half done, and what each costs:"


def banner(sheet: Sheet, root: Path) -> str:
    """The facts of a demo for a newcomer's eyes."""
    plots = {customer.email: PLOTS[customer.account] for customer in CUSTOMERS}
    people = [f"  {login.email:26} {plots.get(login.email, 'the admin')}" for login in sheet.people]
    first = sheet.people[0]
    beside = [f"{STUDIO} {sheet.studio_url}"] if sheet.studio_url else []
    return "\n".join(
        (
            "",
            f"The portal is at {sheet.url} (Ctrl-C stops it).",
            *beside,
            "",
            f"Everybody's password is {first.password}",
            *people,
            "",
            f"Open {sheet.url}/usage as {first.email}, then paste this into another terminal:",
            "",
            f"  {pasted(root)}",
            "",
            "It sends a signed debit, a new one each time; the open page shows it by itself.",
            f"All of this stands in var/{NAME}, too.",
            "",
        )
    )


def pasted(root: Path) -> str:
    """The command that sends a signed debit, from whatever folder it is pasted in."""
    flask = Path(sys.executable).with_name("flask")
    program = flask.relative_to(root) if flask.is_relative_to(root) else flask
    return f"cd {shlex.quote(str(root))} && {shlex.quote(str(program))} --app wsgi demo debit"
