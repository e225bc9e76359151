"""A tariff with every shape of price and every rollover, for the tests of this folder."""

import pytest

from portal.pricing import Tariff, parse_tariff

DOCUMENT = """
name = "2027-07"
effective_at = 2027-07-01T02:00:00+02:00

[operations.flat]
title = "Flat"
unit = "voice"
price = { kind = "flat", credits = 500 }
hold_ttl_seconds = 3600
over_capture = "cap"

[operations.unit]
title = "Per unit"
unit = "character"
price = { kind = "unit", base = 3, numerator = 2, denominator = 3 }
minimum = 10
maximum = 1_000
hold_ttl_seconds = 900
over_capture = "overflow"

[operations.block]
title = "Per started block"
unit = "second"
price = { kind = "block", base = 1, block = 60, credits = 7 }
hold_ttl_seconds = 86_400

[operations."graduated.big"]
title = "Graduated"
unit = "query"
hold_ttl_seconds = 1

[operations."graduated.big".price]
kind = "graduated"
base = 2
steps = [
  { up_to = 10, numerator = 1, denominator = 1 },
  { up_to = 15, numerator = 2, denominator = 3 },
  { numerator = 1, denominator = 7 },
]

[tiers.none]
title = "None"
allocation = 0
rollover = { policy = "none" }

[tiers.full]
title = "Full"
allocation = 10
rollover = { policy = "full", life_periods = 3 }
overdraft = 5

[tiers.cap]
title = "Cap"
allocation = 100
rollover = { policy = "cap", amount = 40 }
caps = { open_holds = 3, units_per_job = 9 }

[tiers.percent]
title = "Percent"
allocation = 1_000
rollover = { policy = "percent", amount = 25 }
caps = { open_holds = 1 }

[tiers.multiple]
title = "Multiple"
allocation = 10_000
rollover = { policy = "multiple", amount = 2 }
"""


@pytest.fixture
def document() -> str:
    return DOCUMENT


@pytest.fixture(scope="session")
def tariff() -> Tariff:
    return parse_tariff(DOCUMENT, "shapes.toml")
