"""The price list: tariffs, quotes, text length and periods, as pure functions over values."""

from portal.pricing.errors import (
    Fault,
    NoTariffError,
    PeriodError,
    PricingError,
    QuantityError,
    RolloverError,
    SurrogateError,
    TariffError,
    UnknownOperationError,
    UnknownTariffError,
    UnknownTierError,
)
from portal.pricing.loader import load_tariff, parse_tariff, shipped_tariff
from portal.pricing.periods import boundary, period_index, prorated
from portal.pricing.prices import (
    BlockPrice,
    FlatPrice,
    GraduatedPrice,
    Price,
    Step,
    UnitPrice,
)
from portal.pricing.quote import CREDITS_MAX, QUANTITY_MAX, Quote, quote
from portal.pricing.tariff import Operation, OverCapture, Tariff, Tariffs
from portal.pricing.text import COUNTER, count_characters
from portal.pricing.tiers import Caps, Rollover, RolloverPolicy, Tier

__all__ = [
    "COUNTER",
    "CREDITS_MAX",
    "QUANTITY_MAX",
    "BlockPrice",
    "Caps",
    "Fault",
    "FlatPrice",
    "GraduatedPrice",
    "NoTariffError",
    "Operation",
    "OverCapture",
    "PeriodError",
    "Price",
    "PricingError",
    "QuantityError",
    "Quote",
    "Rollover",
    "RolloverError",
    "RolloverPolicy",
    "Step",
    "SurrogateError",
    "Tariff",
    "TariffError",
    "Tariffs",
    "Tier",
    "UnitPrice",
    "UnknownOperationError",
    "UnknownTariffError",
    "UnknownTierError",
    "boundary",
    "count_characters",
    "load_tariff",
    "parse_tariff",
    "period_index",
    "prorated",
    "quote",
    "shipped_tariff",
]
