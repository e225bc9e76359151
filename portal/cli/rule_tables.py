"""The computed parts of the credit rules: every table whose numbers the price list decides."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from portal import pricing
from portal.pricing import Operation, Rollover, Tariff, Tier, counted

LARGE_JOB = 1_205
CHEAP = 10
OVER_CAPTURE = {
    "refuse": "refused (409 `capture_exceeds_hold`)",
    "cap": "charges what was set aside",
    "overflow": "charges it, if credits allow",
}
DUE = {
    pricing.Due.QUOTED: "the quote",
    pricing.Due.NOTHING: "0",
    pricing.Due.DELIVERED: "the delivered part",
    pricing.Due.UNDECIDED: "nothing yet",
    pricing.Due.REPLAYED: "nothing more",
}
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
TEXTS = (
    ("`hello, world`", "hello, world"),
    ("`\u00e9`, typed as one character", "\u00e9"),
    ("`\u00e9`, typed as `e` and an accent", "e\u0301"),
    ("`\u6f22\u5b57`", "\u6f22\u5b57"),
    ("a family emoji made of three people", FAMILY),
    ("`a`, a Windows line break, `b`", "a\r\nb"),
)


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; `head` is its columns between bars, numbers aligned right by `>`."""
    columns = [column.strip() for column in head.split("|")]
    lines = [
        "| " + " | ".join(column.removeprefix(">") for column in columns) + " |",
        "|" + "|".join("---:" if column.startswith(">") else "---" for column in columns) + "|",
    ]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def prices(tariff: Tariff) -> str:
    """Operations and their price."""
    rows = (
        (
            f"`{one.name}`",
            one.title,
            pricing.rate(one.price, one.unit),
            _optional(one.minimum),
            _optional(one.maximum),
        )
        for one in tariff.operations.values()
    )
    return table("operation | what it does | price | >minimum | >maximum", rows)


def examples(tariff: Tariff) -> str:
    """Jobs of each operation with their arithmetic and the credits quote() gives."""
    rows = (
        (
            f"`{one.name}`",
            counted(quantity, one.unit),
            "; ".join(pricing.explain(tariff, one.name, quantity)),
            f"**{pricing.quote(tariff, one.name, quantity).credits:,}**",
        )
        for one in tariff.operations.values()
        for quantity in quantities(one)
    )
    return table("operation | quantity | arithmetic | >credits", rows)


def quantities(operation: Operation) -> tuple[int, ...]:
    """Quantities that show a price at work: one unit, and a job of a likely size."""
    price = operation.price
    if isinstance(price, pricing.GraduatedPrice):
        tops = [step.up_to for step in price.steps if step.up_to is not None]
        return tuple(sorted({1, *tops, *(top + 1 for top in tops)}))
    cheap = price.cost(1_000) <= 1_000 * CHEAP
    return (1, LARGE_JOB) if cheap else (1, 3)


def texts() -> str:
    """Texts and their length."""
    rows = ((shown, pricing.count_characters(text)) for shown, text in TEXTS)
    return table("text | >characters", rows)


def plans(tariff: Tariff) -> str:
    """Tiers with all they grant and limit."""
    rows = (
        (
            f"{tier.title} (`{tier.name}`)",
            tier.allocation,
            rollover_words(tier.rollover),
            tier.overdraft,
            _limit(tier.caps.open_holds),
            _limit(tier.caps.units_per_job),
        )
        for tier in tariff.tiers.values()
    )
    head = "plan | >credits per period | rollover | >overdraft | >open jobs | >units per job"
    return table(head, rows)


def rollover_words(rollover: Rollover) -> str:
    """A rollover policy in words."""
    return {
        "none": "none",
        "full": "all of the rest",
        "cap": f"the rest, at most {rollover.amount:,}",
        "percent": f"{rollover.amount} % of the rest, rounded down",
        "multiple": f"the rest, at most {rollover.amount} × the allocation",
    }[rollover.policy]


def rollovers(tariff: Tariff) -> str:
    """Worked numbers of each tier: a third of the allocation left, and all of it."""
    rows = []
    for tier in tariff.tiers.values():
        for rest in sorted({tier.allocation // 3, tier.allocation}):
            carried = tier.rollover.carried(rest, tier.allocation)
            start = tier.allocation + carried
            rows.append((tier.title, rest, carried, rest - carried, start))
    return table("plan | >left | >carried over | >lapses | >next period starts with", rows)


def lives(tariff: Tariff) -> str:
    """How long carried credits live, plan by plan where they differ."""
    tiers = [tier for tier in tariff.tiers.values() if tier.rollover.policy != "none"]
    spans = {tier.rollover.life_periods for tier in tiers}
    if len(spans) <= 1:
        return counted(max(spans, default=1), "period")
    return ", ".join(
        f"{counted(tier.rollover.life_periods, 'period')} ({tier.title})" for tier in tiers
    )


def overdraft(tariff: Tariff) -> str:
    """Which tiers may go below zero."""
    lent = [tier for tier in tariff.tiers.values() if tier.overdraft]
    if not lent:
        return "No plan may spend more than it has."
    told = " and ".join(f"{tier.title} by at most {tier.overdraft:,} credits" for tier in lent)
    return f"Only these plans may go below zero: {told}."


def periods() -> str:
    """Boundaries of an account opened on the last day of January of a year before a leap year."""
    anchor = _micros(datetime(2027, 1, 31, 9, 30, tzinfo=UTC))
    rows = ((n, day(pricing.boundary(anchor, n))) for n in (0, 1, 2, 3, 13))
    return table(">period | starts, for an account opened on 31 January 2027 at 09:30", rows)


def holds(tariff: Tariff) -> str:
    """How long each operation's hold lives, and what a capture above it does."""
    rows = (
        (
            f"`{one.name}`",
            span(one.hold_ttl_seconds),
            OVER_CAPTURE[one.over_capture],
        )
        for one in tariff.operations.values()
    )
    return table("operation | hold expires after | more used than was set aside", rows)


def outcomes() -> str:
    """The outcome table."""
    rows = ((one.title, DUE[one.due], one.why, one.ask) for one in pricing.OUTCOMES)
    return table("outcome | charged | in words | what the service does", rows)


def parts(tariff: Tariff) -> str:
    """A worked part delivery of three units of the first operation."""
    operation = next(iter(tariff.operations.values()))
    quoted = pricing.quote(tariff, operation.name, 3).credits
    due = pricing.due_credits(pricing.Due.DELIVERED, quoted, 2, 3)
    return (
        f"Worked example: 3 {pricing.plural(operation.unit)} of `{operation.name}` are quoted at "
        f"{counted(quoted, 'credit')}. 2 are delivered and kept: "
        f"ceil({quoted:,} × 2 ÷ 3) = {counted(due, 'credit')} charged, "
        f"{counted(quoted - due, 'credit')} returned."
    )


def reasons() -> str:
    """Refund reasons and whose fault they name."""
    rows = (
        (f"`{one.code}`", one.title, one.fault.value, _lapsed(one))
        for one in pricing.REFUND_REASONS.values()
    )
    return table("reason | meaning | whose fault | credits that lapsed meanwhile", rows)


def upgrades(tariff: Tariff) -> str:
    """Worked upgrades from each tier to the next one up, ten days before a period's end."""
    tiers = sorted(tariff.tiers.values(), key=lambda tier: tier.allocation)
    length, left = timedelta(days=30), timedelta(days=10)
    rows = (
        (
            f"{old.title} → {new.title}",
            f"({new.allocation:,} − {old.allocation:,}) × {left.days} ÷ {length.days}",
            pricing.prorated(old.allocation, new.allocation, _span(left), _span(length)),
        )
        for old, new in pairwise(tiers)
    )
    head = f"upgrade with {left.days} of {length.days} days left | arithmetic | >credits at once"
    return table(head, rows)


def problem(tariff: Tariff, operation: Operation, tier: Tier) -> str:
    """The answer 402 to one unit of an operation, on a tier's account two fifths short of it."""
    required = pricing.quote(tariff, operation.name, 1).credits
    spendable = required * 3 // 5
    larger = [one.name for one in tariff.tiers.values() if one.allocation > tier.allocation]
    next_is_enough = spendable + tier.allocation >= required
    body = {
        "type": "urn:credits:problem:insufficient_credits",
        "title": "Insufficient credits",
        "status": 402,
        "code": "insufficient_credits",
        "retryable": False,
        "required": required,
        "available": spendable - tier.overdraft,
        "held": 0,
        "spendable": spendable,
        "shortfall": required - spendable,
        "next_allocation_at": "2026-12-01T00:00:00.000000Z" if tier.allocation else None,
        "next_allocation": tier.allocation,
        "remedies": [
            *(["next_allocation"] if next_is_enough else []),
            "purchase",
            *(f"tier:{name}" for name in larger),
        ],
    }
    return json.dumps(body, indent=2)


def lapsed(tariff: Tariff, operation: Operation) -> str:
    """The lapsed-grant rule in numbers."""
    cost = pricing.quote(tariff, operation.name, 1).credits
    refunded = date(2026, 12, 5)
    until = refunded + timedelta(days=pricing.REINSTATED_DAYS)
    return (
        f"Worked example: {counted(cost, 'credit')} for one {operation.unit} of "
        f"`{operation.name}`, paid from an allocation that ended on 30 November, are refunded on "
        f"{refunded.day} {refunded:%B}. `failed`: {cost:,} come back and live until "
        f"{until.day} {until:%B}. `goodwill`: +{cost:,} and −{cost:,} are entered together."
    )


def dearest(tariff: Tariff) -> Operation:
    """The operation whose single unit costs most: the one to run short of credits with."""
    return max(tariff.operations.values(), key=lambda one: one.price.cost(1))


def day(at: int) -> str:
    """An instant (UTC µs) for people: 31 January 2027, 09:30."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def span(seconds: int) -> str:
    """A whole number of seconds in its largest whole unit."""
    for unit, size in (("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _optional(credits: int | None) -> str:
    return "–" if credits is None else f"{credits:,}"


def _limit(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"


def _lapsed(reason: pricing.RefundReason) -> str:
    if reason.reinstates:
        return f"reinstated for {pricing.REINSTATED_DAYS} days"
    return "lapse again at once, visibly"


def _micros(moment: datetime) -> int:
    return _span(moment - datetime(1970, 1, 1, tzinfo=UTC))


def _span(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
