"""The figures as a person reads them, and as JSON."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

COSTS = ("app", "database", "total", "hello")
HEAD = (
    f"{'':4} {'':46} {'app':>6} {'db':>6} {'total':>6} {'hello':>6}"
    f" {'req/s':>7} {'p50':>7} {'p99':>7} {'measured':>15}  asked first, then"
)


def facts(found: dict[str, str]) -> str:
    """Machine and versions, a line each."""
    return "\n".join(f"{name:11} {value}" for name, value in found.items())


def table(database: str, figures: Iterable[Figure]) -> str:
    """One database's figures: CPU seconds a thousand requests, milliseconds, and the verdict."""
    lines = [f"\n{database}: CPU seconds a 1,000 requests, latencies in ms", HEAD]
    return "\n".join([*lines, *(line(figure) for figure in figures)])


def line(figure: Figure) -> str:
    """One figure."""
    target, numbers = figure.target, figure.numbers
    costs = " ".join(cell(numbers.get(name), "6.3f") for name in COSTS)
    rate = cell(numbers.get("requests_per_second"), "7,.0f")
    times = " ".join(cell(numbers.get(name), "7.2f") for name in ("p50_ms", "p99_ms"))
    value = told(figure.value) + target.unit
    says = target.says + (f", {numbers['entries']:,} entries" if "own_entries" in numbers else "")
    name = f"{target.code:4} {says:46.46}"
    return f"{name} {costs} {rate} {times} {value:>15}  {target.verdicts(figure.value)}".rstrip()


def cell(value: object, form: str) -> str:
    """A number in its column, or the empty column."""
    if isinstance(value, int | float) and not math.isnan(value):
        return format(value, form)
    return " " * int(form.partition(".")[0].rstrip(","))


def told(value: float) -> str:
    """A value with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def write(path: Path, found: dict[str, str], options: Any, figures: Sequence[Figure]) -> None:
    """Everything as one JSON object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"machine": found, "options": options, "figures": [told_of(each) for each in figures]}
    path.write_text(json.dumps(told, indent=2) + "\n")


def told_of(figure: Figure) -> dict[str, Any]:
    """One figure as JSON: NaN, which JSON does not know, as null."""
    value = None if math.isnan(figure.value) else figure.value
    return {
        **asdict(figure.target),
        "database": figure.database,
        "value": value,
        "is_met": figure.is_met,
        "numbers": figure.numbers,
    }
