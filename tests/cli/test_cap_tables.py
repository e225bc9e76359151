"""The table of caps that the credit rules show."""

from portal import pricing
from portal.cli.cap_tables import spend_caps

CAPS = """
[tiers.free.caps]
credits_per_day = 5_000
operations.clone = { credits_per_period = 500 }
"""


def test_each_cap_of_a_plan_is_a_row() -> None:
    document = pricing.shipped_tariff().document
    [free] = [line for line in document.splitlines() if "open_holds = 2," in line]
    told = spend_caps(pricing.parse_tariff(document.replace(free, CAPS), "here"))
    assert told.splitlines()[2:] == [
        "| Free (`free`) | `credits_per_day` | all | 5,000 |",
        "| Free (`free`) | `credits_per_period` | clone | 500 |",
    ]


def test_where_no_plan_has_one_it_says_so() -> None:
    assert spend_caps(pricing.shipped_tariff()) == "No plan of this tariff sets one."
