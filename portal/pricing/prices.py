"""Shapes a price can take: whole-number ratios, rounded up once per job (ledger.md §1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm


def ceiling(numerator: int, denominator: int) -> int:
    """Round numerator over denominator up to a whole number, without leaving the integers."""
    return -(-numerator // denominator)


@dataclass(frozen=True, slots=True)
class FlatPrice:
    """The same credits for a job, whatever its quantity."""

    credits: int

    def cost(self, quantity: int) -> int:
        """Credits for a job of `quantity` units."""
        return self.credits


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """`numerator` credits per `denominator` units, on top of `base` credits a job."""

    base: int
    numerator: int
    denominator: int

    def cost(self, quantity: int) -> int:
        """Credits for a job of `quantity` units: base + ceil(quantity · ratio)."""
        return self.base + ceiling(quantity * self.numerator, self.denominator)


@dataclass(frozen=True, slots=True)
class BlockPrice:
    """`credits` per started block of `block` units, on top of `base` credits a job."""

    base: int
    block: int
    credits: int

    def cost(self, quantity: int) -> int:
        """Credits for a job of `quantity` units: base + started blocks · credits."""
        return self.base + ceiling(quantity, self.block) * self.credits


@dataclass(frozen=True, slots=True)
class Step:
    """A ratio for the units of a job up to and including `up_to` (None: all that remain)."""

    up_to: int | None
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class GraduatedPrice:
    """A ratio per step of the job's quantity; steps ascend and the last one is open."""

    base: int
    steps: tuple[Step, ...]

    def cost(self, quantity: int) -> int:
        """Credits for a job of `quantity` units: the exact sum of all steps, rounded up once."""
        shared = self.denominator()
        parts = sum(
            units * step.numerator * (shared // step.denominator)
            for step, _, units in self.portions(quantity)
        )
        return self.base + ceiling(parts, shared)

    def denominator(self) -> int:
        """The least common denominator of all steps."""
        return lcm(*(step.denominator for step in self.steps))

    def portions(self, quantity: int) -> tuple[tuple[Step, int, int], ...]:
        """Each step reached, with the units below it and the units priced by it."""
        reached = []
        below = 0
        for step in self.steps:
            top = quantity if step.up_to is None else min(quantity, step.up_to)
            if top > below:
                reached.append((step, below, top - below))
                below = top
        return tuple(reached)


Price = FlatPrice | UnitPrice | BlockPrice | GraduatedPrice
