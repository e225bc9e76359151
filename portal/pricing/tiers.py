"""What a customer's plan grants: allocation, rollover, overdraft, caps (ledger.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from portal.pricing.errors import RolloverError

RolloverPolicy = Literal["none", "full", "cap", "percent", "multiple"]

# What an account may spend: a cap is never passed, a stop-loss refuses all once it is reached.
CREDIT_CAPS: Final = ("credits_per_day", "credits_per_period")
STOP_LOSSES: Final = ("stop_loss_per_day", "stop_loss_per_period")


@dataclass(frozen=True, slots=True)
class Rollover:
    """What becomes of the unused rest of an allocation when its period ends.

    `amount` is N credits for cap, p per cent for percent, k for multiple, 0 for none and full.
    `life_periods` is how many periods the carried credits live.
    """

    policy: RolloverPolicy
    amount: int = 0
    life_periods: int = 1

    def carried(self, rest: int, allocation: int) -> int:
        """Credits carried into the next period, of `rest` credits left of `allocation`.

        Never more than `rest`. Raises RolloverError when either is below 0. Rule: ledger.md §8.
        """
        if rest < 0 or allocation < 0:
            raise RolloverError(rest, allocation)
        if self.policy == "none":
            return 0
        if self.policy == "full":
            return rest
        if self.policy == "cap":
            return min(rest, self.amount)
        if self.policy == "percent":
            return rest * self.amount // 100
        return min(rest, self.amount * allocation)


class SpendCap(NamedTuple):
    """Credits that may be spent on one operation (None: on all) within a window.

    A stop-loss that an admin lifted is not asked before `lifted_until` (UTC µs).
    """

    limit: str
    operation: str | None
    credits: int
    lifted_until: int | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of a tier; None means unlimited."""

    open_holds: int | None = None
    units_per_job: int | None = None
    spend: tuple[SpendCap, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """A plan: credits allocated each period, and the rules they come with."""

    name: str
    title: str
    allocation: int
    rollover: Rollover
    overdraft: int
    caps: Caps
