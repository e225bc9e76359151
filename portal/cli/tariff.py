"""`flask tariff`: check, publish and list price lists."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from portal import current, ledger, pricing
from portal.cli.tables import show_table
from portal.ledger import instant_of

DOCUMENT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("tariff", help="Check, publish and list price lists.")
def tariff() -> None:
    """Hold the price lists' commands."""


@tariff.command("check")
@click.argument("file", type=DOCUMENT)
def check(file: Path) -> None:
    """Read FILE as a tariff; every fault is named by key and rule."""
    read = load(file)
    click.echo(
        f"{file}: tariff {read.name}, from {instant_of(read.effective_at)}, "
        f"{len(read.operations)} operations, {len(read.tiers)} tiers: fine"
    )


@tariff.command("publish")
@click.argument("file", type=DOCUMENT)
@click.option("--by", default="operator", show_default=True, help="Who publishes it.")
@with_appcontext
def publish(file: Path, by: str) -> None:
    """Store FILE as a tariff for ever; it takes effect at its own instant."""
    read = load(file)
    try:
        with current.database.writing() as connection:
            ledger.publish_tariff(connection, read, now=current.now(), published_by=by)
    except ledger.TariffRefusedError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"published {read.name}, sha256 {read.sha256}")


@tariff.command("list")
@with_appcontext
def list_() -> None:
    """List published tariffs, the one in force marked."""
    with current.database.reading() as connection:
        known = ledger.load_tariffs(connection)
    in_force = known.in_force(max(current.now(), known[0].effective_at)) if known else None
    show_table(
        ("", "tariff", "in force from", "sha256"),
        [
            ("*" if each is in_force else "", each.name, instant_of(each.effective_at), each.sha256)
            for each in known
        ],
    )


def load(file: Path) -> pricing.Tariff:
    """A tariff from a file, its faults as the command's own error."""
    try:
        return pricing.load_tariff(file)
    except pricing.PricingError as error:
        raise click.ClickException(str(error)) from None
