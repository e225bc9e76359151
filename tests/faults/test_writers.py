"""Eight processes that write one SQLite file as fast as they can: no error, and fair shares."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.bank import Bank, crew, debit

pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]
WRITERS = 8
SECONDS = float(os.environ.get("FAULT_SECONDS") or 2)


class Free:
    """No turnstile: whoever comes, writes when SQLite lets him."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for nobody."""
        yield

    def checkpoint(self, _: object) -> None:
        """Nor ever tidy up."""


def write(bank: Bank, number: int, is_free: bool) -> tuple[int, float, list[str]]:
    """Debit one credit after another: how many, the longest wait, and what failed."""
    if is_free:
        bank.database._turnstile = Free()  # type: ignore[assignment]
    failed, longest, done = [], 0.0, 0
    end = time.monotonic() + SECONDS
    while (begun := time.monotonic()) < end:
        told = bank.ask(debit(f"acme-{number}", done, 1))
        longest = max(longest, time.monotonic() - begun)
        if told.code == "posted":
            done += 1
        else:
            failed.append(told.code)
    return done, longest, failed


def shares_of(bank: Bank, *, free: bool) -> list[tuple[int, float, list[str]]]:
    """What each of the writers did."""
    for number in range(WRITERS):
        bank.account(f"acme-{number}", "pro")
    return crew(bank, write, [(number, free) for number in range(WRITERS)])


def is_fair(shares: list[tuple[int, float, list[str]]]) -> bool:
    """Whether nobody failed, nobody got many times what another got, and nobody starved.

    Ten are given to chance: a machine with much else to do writes no more than that.
    """
    counts = [done for done, _, _ in shares]
    waits = [longest for _, longest, _ in shares]
    return (
        not any(failed for _, _, failed in shares)
        and min(counts) > 0
        and max(counts) <= 4 * min(counts) + 10
        and max(waits) < SECONDS * 0.9
    )


def test_eight_processes_write_in_turns(bank: Bank) -> None:
    shares = shares_of(bank, free=False)
    assert is_fair(shares), shares
    for number, (done, _, _) in enumerate(shares):
        assert bank.available(f"acme-{number}") == 100_000 - done
    assert bank.differences() == ()


def test_without_turns_writers_starve(bank: Bank) -> None:
    """The control: with SQLite's own waiting alone, a few get nearly everything."""
    assert not is_fair(shares_of(bank, free=True))
