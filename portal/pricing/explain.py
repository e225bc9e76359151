"""The arithmetic of a quote in words, for the page that says why a job cost what it did."""

from __future__ import annotations

from math import gcd

from portal.pricing.prices import (
    BlockPrice,
    FlatPrice,
    GraduatedPrice,
    Price,
    UnitPrice,
    ceiling,
)
from portal.pricing.quote import limited, quote
from portal.pricing.tariff import Tariff


def explain(tariff: Tariff, operation: str, quantity: int) -> tuple[str, ...]:
    """Lines of arithmetic that end in the credits quote() gives for the same job.

    Raises what quote() raises: UnknownOperationError, QuantityError.
    """
    quoted = quote(tariff, operation, quantity)
    priced = tariff.get_operation(operation)
    lines = _arithmetic(priced.price, quantity, priced.unit)
    cost = priced.price.cost(quantity)
    if limited(priced, cost) > cost:
        lines.append(f"minimum for one job: {counted(quoted.credits, 'credit')}")
    if limited(priced, cost) < cost:
        lines.append(f"maximum for one job: {counted(quoted.credits, 'credit')}")
    return tuple(lines)


def rate(price: Price, unit: str) -> str:
    """A price in words, such as "1 credit per 2 characters"; `unit` is its singular noun."""
    if isinstance(price, FlatPrice):
        return f"{counted(price.credits, 'credit')} per job"
    if isinstance(price, UnitPrice):
        words = ratio(price.numerator, price.denominator, unit)
    elif isinstance(price, BlockPrice):
        block = unit if price.block == 1 else f"started block of {counted(price.block, unit)}"
        words = f"{counted(price.credits, 'credit')} per {block}"
    else:
        words = "; ".join(_step_rate(price, place, unit) for place in range(len(price.steps)))
    return words if price.base == 0 else f"{counted(price.base, 'credit')} per job, plus {words}"


def ratio(numerator: int, denominator: int, unit: str) -> str:
    """A ratio in words: "3 credits per 2 characters"."""
    per = unit if denominator == 1 else counted(denominator, unit)
    return f"{counted(numerator, 'credit')} per {per}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 credit", "1,204 characters"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a regular English noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def _arithmetic(price: Price, quantity: int, unit: str) -> list[str]:
    if isinstance(price, FlatPrice):
        return [f"{counted(price.credits, 'credit')} per job, whatever the quantity"]
    if isinstance(price, UnitPrice):
        words = ratio(price.numerator, price.denominator, unit)
        total = _rounded(quantity * price.numerator, price.denominator)
        lines = [f"{counted(quantity, unit)} × {words} = {total}"]
    elif isinstance(price, BlockPrice):
        lines = [_blocks(price, quantity, unit)]
    else:
        lines = _steps(price, quantity, unit)
    if price.base:
        total = counted(price.cost(quantity), "credit")
        lines.append(f"plus {counted(price.base, 'credit')} per job = {total}")
    return lines


def _blocks(price: BlockPrice, quantity: int, unit: str) -> str:
    started = ceiling(quantity, price.block)
    each = counted(price.credits, "credit")
    total = counted(started * price.credits, "credit")
    if price.block == 1:
        return f"{counted(quantity, unit)} × {each} = {total}"
    blocks = f"{started:,} started {'block' if started == 1 else 'blocks'}"
    return (
        f"{counted(quantity, unit)} = {blocks} of {counted(price.block, unit)}; "
        f"{started:,} × {each} = {total}"
    )


def _steps(price: GraduatedPrice, quantity: int, unit: str) -> list[str]:
    lines = []
    parts = 0
    shared = price.denominator()
    for step, below, units in price.portions(quantity):
        share = units * step.numerator
        parts += share * (shared // step.denominator)
        words = ratio(step.numerator, step.denominator, unit)
        first, last = below + 1, below + units
        span = f"{unit} {first:,}" if units == 1 else f"{plural(unit)} {first:,} to {last:,}"
        lines.append(f"{span}: {units:,} × {words} = {_mixed(share, step.denominator)}")
    lines.append(f"sum = {_rounded(parts, shared)}")
    return lines


def _step_rate(price: GraduatedPrice, place: int, unit: str) -> str:
    step = price.steps[place]
    words = ratio(step.numerator, step.denominator, unit)
    if step.up_to is not None:
        return f"{words} up to {step.up_to:,}"
    return words if place == 0 else f"{words} beyond"


def _rounded(numerator: int, denominator: int) -> str:
    whole = counted(ceiling(numerator, denominator), "credit")
    if numerator % denominator == 0:
        return whole
    return f"{_mixed(numerator, denominator)}, rounded up to {whole}"


def _mixed(numerator: int, denominator: int) -> str:
    whole, rest = divmod(numerator, denominator)
    if rest == 0:
        return f"{whole:,}"
    shared = gcd(rest, denominator)
    part = f"{rest // shared}/{denominator // shared}"
    return f"{whole:,} {part}" if whole else part
