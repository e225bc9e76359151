"""`flask demo`: run a portal with customers who have a history; send it a signed debit."""

import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Never

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError
from tqdm import tqdm

from portal import current, identity
from portal.cli.demo import studio
from portal.cli.demo.banner import banner
from portal.cli.demo.debit import SilentPortalError, send, signed_debit
from portal.cli.demo.filling import DAYS, DAYS_MAX, ForeignAccountsError, prepare
from portal.cli.demo.sheet import Sheet, find_sheet, write_sheet
from portal.cli.demo.stage import DAY, RefusedStepError, Scene
from portal.cli.serve import HOST, BusyPortError, listen, serve
from portal.config import Config
from portal.database import DatabaseError, UnsafeDatabaseError

TOLD = (
    BusyPortError,
    DatabaseError,
    ForeignAccountsError,
    RefusedStepError,
    UnsafeDatabaseError,
    identity.IdentityError,
)
INTERRUPTED = 130

demo = AppGroup("demo", help="A portal with three customers and their history, to try it out.")
days_option = click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS,
    show_default=True,
    help="How long a history to write, where there is none.",
)


@demo.command("run")
@click.option(
    "--port",
    envvar="PORT",
    show_envvar=True,
    type=click.IntRange(1, 65_535),
    default=8_000,
    show_default=True,
    help="Where to listen, on this machine alone.",
)
@days_option
def run(port: int, days: int) -> None:
    """Migrate, fill the demo where it is absent, and serve portal and studio until Ctrl-C."""
    environment = environment_at(os.environ, port)
    settings = Config.from_environment(environment, current.config.root)
    with sentences():
        listen(port).close()  # told before there is work done for nothing
        sheet = filled(settings, days)
        listener = listen(port)
        door = studio.listen_beside(port)
        with current.database.writing() as connection:
            key = studio.studio_key(connection, settings, current.now())
        sheet = sheet._replace(studio_url=studio.url_of(door))
        write_sheet(settings.root / "var", sheet)
    click.echo(banner(sheet, settings.root))
    serve(listener, environment, studio.beside(door, environment, port, key, sheet.accounts))


@demo.command("fill")
@days_option
def fill(days: int) -> None:
    """Migrate and fill the demo where it is absent, without serving it."""
    with sentences():
        sheet = filled(current.config, days)
    click.echo(f"accounts {', '.join(sheet.accounts)}; logins and key in var/demo.json")


@demo.command("debit")
@click.option("--account", help="Whose credits; without it, those of the first customer.")
@click.option("--operation", default="generate", show_default=True)
@click.option("--quantity", type=int, default=1_204, show_default=True)
@click.option("--reference", help="The id of the job; without it, a new one.")
def debit(account: str | None, operation: str, quantity: int, reference: str | None) -> None:
    """Sign a debit, send it to the demo that is running, and show request and answer."""
    sheet = find_sheet(current.config.root / "var")
    if sheet is None:
        raise click.ClickException("There is no demo here; start one with: make run")
    members = {
        "account": account or sheet.accounts[0],
        "operation": operation,
        "quantity": quantity,
        "reference": {"type": "generation", "id": reference or f"demo-{secrets.token_hex(6)}"},
    }
    request = signed_debit(sheet, members, current.now())
    try:
        answer = send(request)
    except SilentPortalError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{request.curl}\n\n{answer.status} {answer.reason}")
    click.echo(json.dumps(answer.members, indent=2, ensure_ascii=False))
    if answer.status >= 400:
        sys.exit(1)


def environment_at(environment: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of a portal on a port of this machine; what is named in it stays."""
    fitting = dict(environment)
    if not fitting.get("PORTAL_PUBLIC_URL"):
        fitting["PORTAL_PUBLIC_URL"] = f"http://{HOST}:{port}"
        fitting["PORTAL_TRUSTED_HOSTS"] = fitting.get("PORTAL_TRUSTED_HOSTS") or f"{HOST},localhost"
    return fitting


def filled(settings: Config, days: int) -> Sheet:
    """Prepare the demo, with a bar that counts the days of its history."""
    with tqdm(
        desc="filling the demo",
        unit=" days",
        file=sys.stderr,
        disable=None,  # no terminal, no bar
        leave=False,
        delay=0.3,
    ) as bar:
        return prepare(settings, told_by(bar), days)


def told_by(bar: "tqdm[Never]") -> Callable[[Scene, int], None]:
    """Move a bar by the days that have gone by in a scene."""

    def told(scene: Scene, at: int) -> None:
        bar.total = scene.days
        bar.update((at - scene.opens) // DAY - bar.n)

    return told


@contextmanager
def sentences() -> Iterator[None]:
    """Tell what went wrong in one sentence; Ctrl-C ends without one.

    A Ctrl-C in the midst of a call from the database is heard by nobody: it is remembered.
    """
    heard: list[int] = []

    def interrupt(number: int, _: object) -> Never:
        heard.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except (*TOLD, OperationalError) as error:
        if not heard:
            why = str(error)
            if isinstance(error, OperationalError):
                why = f"The database cannot be used: {str(error.orig).splitlines()[0]}"
            raise click.ClickException(why) from None
    except KeyboardInterrupt:
        heard.append(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        sys.exit(INTERRUPTED)
