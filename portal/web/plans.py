"""The plans page: tiers and prices of the tariff in force, and what a month would cost."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from flask import Blueprint, Response, request
from flask_login import current_user

from portal import current, ledger, pricing
from portal.web import wording
from portal.web.formats import counted, credits, utc_day
from portal.web.pages import Blocks, Part, asked_target, page
from portal.web.visitor import members_only

bp = members_only(Blueprint("plans", __name__))

BLOCKS: Final[Blocks] = {"estimate": (Part("estimate"),)}
JOBS_MAX: Final = 10**9
DIGITS_MAX: Final = 13
PAST_DAYS: Final = 30
FAULTY: Final = "One line cannot be read: nothing is added up"


class Wish(NamedTuple):
    """What someone means to use of one operation: units in a job, and jobs a month."""

    operation: pricing.Operation
    quantity: str
    jobs: str


class Cost(NamedTuple):
    """What a wish costs, or, in `fault`, why that cannot be said; `whole` is for the month.

    `odd` is the field at fault, as `Wish` names it.
    """

    wish: Wish
    each: int = 0
    whole: int = 0
    quantity: int = 0
    fault: str = ""
    odd: str = ""


class Estimate(NamedTuple):
    """The costs of all wishes, their sum and the smallest plan that carries them."""

    costs: tuple[Cost, ...]
    total: int
    tier: pricing.Tier | None

    @property
    def asked(self) -> bool:
        """Whether anything was filled in."""
        return any(cost.whole or cost.fault for cost in self.costs)

    @property
    def faulty(self) -> bool:
        """Whether a line cannot be read: then nobody knows what all of them come to."""
        return any(cost.fault for cost in self.costs)


class Own(NamedTuple):
    """The account's plan, the credits its last days came to, and the least plan for as many."""

    tier: str
    used: int
    fitting: pricing.Tier | None


@bp.get("/plans")
def tiers() -> Response:
    """The page, or its estimate for other figures."""
    tariff = current.tariffs().in_force(current.now())
    estimate = estimate_of(tariff, request.args)
    context = {
        "tariff": tariff,
        "own": None if asked_target() else find_own(tariff),
        "past_days": PAST_DAYS,
        "estimate": estimate,
        "features": features(tariff),
        "rate": pricing.rate,
        "plural": pricing.plural,
        "faulty": FAULTY,
    }
    return page("plans/tiers.html", context, BLOCKS, spoken(estimate))


def features(tariff: pricing.Tariff) -> list[tuple[str, list[tuple[pricing.Tier, str]]]]:
    """The rows of the comparison: what it is, and each tier with its words."""
    sayings: dict[str, Callable[[pricing.Tier], str]] = {
        "Credits each month": lambda tier: credits(tier.allocation),
        "Unused credits": lambda tier: rollover(tier.rollover),
        "Carried credits last": lambda tier: life(tier.rollover),
        "Jobs at once": lambda tier: limit(tier.caps.open_holds),
        "Units in one job": lambda tier: limit(tier.caps.units_per_job),
        "Overdraft": lambda tier: credits(tier.overdraft) if tier.overdraft else "none",
    }
    tiers = tariff.tiers.values()
    for name, title in wording.CAPS.items():
        if any(spend_cap(tier, name) is not None for tier in tiers):
            sayings[title] = partial(spend_words, name=name)
    return [(title, [(tier, say(tier)) for tier in tiers]) for title, say in sayings.items()]


def spend_cap(tier: pricing.Tier, name: str) -> int | None:
    """What a tier lets be spent on all operations, by the cap's name."""
    return next((cap.credits for cap in tier.caps.spend if cap[:2] == (name, None)), None)


def spend_words(tier: pricing.Tier, name: str) -> str:
    """A cap on spending in credits."""
    return limit(spend_cap(tier, name))


def rollover(rule: pricing.Rollover) -> str:
    """What becomes of an allocation's unused rest."""
    some = f"{rule.amount} allocations carry" if rule.amount != 1 else "one allocation carries"
    return {
        "none": "lapse at the period's end",
        "full": "all carry over",
        "cap": f"up to {credits(rule.amount)} carry over",
        "percent": f"{rule.amount} % carries over",
        "multiple": f"up to {some} over",
    }[rule.policy]


def life(rule: pricing.Rollover) -> str:
    """How long carried credits can be spent."""
    return "–" if rule.policy == "none" else f"{counted(rule.life_periods, 'period')} more"


def limit(maximum: int | None) -> str:
    """A cap of a tier."""
    return "no limit" if maximum is None else credits(maximum)


def find_own(tariff: pricing.Tariff) -> Own | None:
    """The plan and the latest use of the person's account; none for an admin without one."""
    if current_user.account_id is None:
        return None
    today = utc_day(current.now())
    with current.database.reading() as connection:
        account = ledger.get_account(connection, current_user.account_id)
        days = today - PAST_DAYS + 1, today
        totals = ledger.usage_totals(connection, account.id, *days)
    used = sum(total.charged - total.refunded for total in totals)
    return Own(account.tier, used, smallest_tier(tariff, used, 0))


def estimate_of(tariff: pricing.Tariff, given: Mapping[str, str]) -> Estimate:
    """Price every wish by the function that charges, and find the smallest plan for the sum."""
    costs = tuple(
        cost_of(tariff, Wish(operation, given.get(name, ""), given.get(f"{name}.jobs", "")))
        for name, operation in tariff.operations.items()
    )
    total = sum(cost.whole for cost in costs)
    largest = max((cost.quantity for cost in costs), default=0)
    return Estimate(costs, total, smallest_tier(tariff, total, largest))


def cost_of(tariff: pricing.Tariff, wish: Wish) -> Cost:
    """What one wish costs; a job that is left empty costs nothing."""
    if not wish.quantity.strip():
        return Cost(wish)
    quantity, jobs = whole_number(wish.quantity), whole_number(wish.jobs.strip() or "1")
    if quantity is None or jobs is None or jobs > JOBS_MAX:
        odd = "quantity" if quantity is None else "jobs"
        return Cost(wish, fault="Whole numbers only, please.", odd=odd)
    try:
        each = pricing.quote(tariff, wish.operation.name, quantity).credits
    except pricing.QuantityError:
        fault = "At least 1." if quantity < 1 else "More than one job can have."
        return Cost(wish, fault=fault, odd="quantity")
    return Cost(wish, each, each * jobs, quantity)


def whole_number(text: str) -> int | None:
    """A whole number as people write it: digits, with commas, spaces or none."""
    digits = text.replace(",", "").replace(" ", "").replace("\u00a0", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > DIGITS_MAX:
        return None
    return int(digits)


def smallest_tier(tariff: pricing.Tariff, total: int, largest: int) -> pricing.Tier | None:
    """The plan with the least allocation that covers a month and lets its largest job run."""
    fitting = (
        tier
        for tier in tariff.tiers.values()
        if tier.allocation >= total
        and (tier.caps.units_per_job is None or tier.caps.units_per_job >= largest)
    )
    return min(fitting, key=lambda tier: tier.allocation, default=None)


def spoken(estimate: Estimate) -> str:
    """What a screen reader hears when the estimate changes."""
    if estimate.faulty:
        return FAULTY
    if estimate.tier is None:
        return f"{counted(estimate.total, 'credit')} a month, more than any plan allocates"
    return f"{counted(estimate.total, 'credit')} a month, covered by {estimate.tier.title}"
