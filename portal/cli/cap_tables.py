"""The caps on spending that tiers come with, as a table of the credit rules."""

from portal.cli.rule_tables import table
from portal.pricing import Tariff


def spend_caps(tariff: Tariff) -> str:
    """Each cap of each tier; a sentence where there is none."""
    rows = [
        (f"{tier.title} (`{tier.name}`)", f"`{cap.limit}`", cap.operation or "all", cap.credits)
        for tier in tariff.tiers.values()
        for cap in tier.caps.spend
    ]
    if not rows:
        return "No plan of this tariff sets one."
    return table("plan | limit | operations | >credits", rows)
