"""The credit rules document: written from the tariff and the outcome table, never by hand."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from portal import pricing
from portal.cli import cap_tables, documents, rule_tables

DOCUMENT = "docs/credit-rules.md"


@click.command("rules")
@documents.options(DOCUMENT)
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
    documents.write(output, text, check=check, command="rules", source=f"tariff {tariff.name}")


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
