"""The credit rules document: written from the tariff and the outcome table, never by hand."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from portal import pricing
from portal.cli import cap_tables, rule_tables

DOCUMENT = "docs/credit-rules.md"


@click.command("rules")
@click.option("--check", is_flag=True, help="Only compare; exit 1 when the document is stale.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=DOCUMENT,
    show_default=True,
    help="Where the document stands; - prints it.",
)
@click.option(
    "--tariff",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A tariff document; without it the one that comes with the portal.",
)
def rules(check: bool, output: Path, source: Path | None) -> None:
    """Write the credit rules document from the tariff and the outcome table."""
    try:
        tariff = pricing.shipped_tariff() if source is None else pricing.load_tariff(source)
        text = render_rules(tariff)
    except pricing.PricingError as error:
        raise click.ClickException(str(error)) from None
    if str(output) == "-":
        click.echo(text, nl=False)
    elif check:
        compare(output, text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"{output}: written from tariff {tariff.name}")


def compare(output: Path, text: str) -> None:
    """Say that the document is current, or end with 1 naming the first line that is not."""
    try:
        found = output.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{output}: cannot be read: {error}") from None
    if found != text:
        line = first_difference(found, text)
        raise click.ClickException(f"{output}: stale from line {line}; write it: flask rules")
    click.echo(f"{output}: current")


def first_difference(found: str, text: str) -> int:
    """The number of the first line in which two texts differ."""
    theirs, ours = found.split("\n"), text.split("\n")
    same = 0
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            break
        same += 1
    return same + 1


def render_rules(tariff: pricing.Tariff) -> str:
    """The credit rules of a tariff, in Markdown; the same tariff gives the same text."""
    operation, tier = rule_tables.dearest(tariff), next(iter(tariff.tiers.values()))
    return template().substitute(
        name=tariff.name,
        effective=rule_tables.day(tariff.effective_at),
        sha256=tariff.sha256,
        prices=rule_tables.prices(tariff),
        examples=rule_tables.examples(tariff),
        quote_minutes=pricing.QUOTE_TTL_SECONDS // 60,
        counter=pricing.COUNTER,
        texts=rule_tables.texts(),
        plans=rule_tables.plans(tariff),
        spend_caps=cap_tables.spend_caps(tariff),
        periods=rule_tables.periods(),
        lives=rule_tables.lives(tariff),
        rollover=rule_tables.rollovers(tariff),
        overdraft=rule_tables.overdraft(tariff),
        holds=rule_tables.holds(tariff),
        late_hours=pricing.LATE_CAPTURE_SECONDS // 3_600,
        outcomes=rule_tables.outcomes(),
        parts=rule_tables.parts(tariff),
        reasons=rule_tables.reasons(),
        reinstated_days=pricing.REINSTATED_DAYS,
        lapsed=rule_tables.lapsed(tariff, operation),
        short_title=f"one {operation.unit} of `{operation.name}`",
        short_tier=tier.title,
        problem=rule_tables.problem(tariff, operation, tier),
        upgrades=rule_tables.upgrades(tariff),
    )


@cache
def template() -> Template:
    """The text of the document, with places for what is computed."""
    return Template(files("portal.cli").joinpath("credit-rules.md").read_text(encoding="utf-8"))
