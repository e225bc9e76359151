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
TRIES = 3
Shares = list[tuple[int, float, list[str]]]  # of each writer: how many, the longest wait, failures


class Free:
    """No turnstile: whoever comes, writes when SQLite lets him."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for nobody."""
        yield

    def checkpoint(self, _: object) -> None:
        """Nor ever tidy up."""


def write(bank: Bank, account: str, is_free: bool) -> tuple[int, float, list[str]]:
    """Debit one credit after another: how many, the longest wait, and what failed."""
    if is_free:
        bank.database._turnstile = Free()  # type: ignore[assignment]
    failed, longest, done = [], 0.0, 0
    end = time.monotonic() + SECONDS
    while (begun := time.monotonic()) < end:
        told = bank.ask(debit(account, done, 1))
        longest = max(longest, time.monotonic() - begun)
        if told.code == "posted":
            done += 1
        else:
            failed.append(told.code)
    return done, longest, failed


def shares_of(bank: Bank, *, free: bool) -> list[Shares]:
    """What each of the writers did in each try, on accounts of its own.

    Until one try was as it is to be: fair, or without turns (`free`) anything but that.
    """
    tries: list[Shares] = []
    while len(tries) < TRIES and not (tries and is_fair(tries[-1]) is not free):
        accounts = [f"acme-{len(tries)}-{number}" for number in range(WRITERS)]
        for account in accounts:
            bank.account(account, "pro")
        tries.append(crew(bank, write, [(account, free) for account in accounts]))
        for account, (done, _, _) in zip(accounts, tries[-1], strict=True):
            assert bank.available(account) == 100_000 - done
    return tries


def is_fair(shares: Shares) -> bool:
    """Whether nobody failed, nobody got many times what another got, and nobody starved.

    Much is given to chance, and another try: on a machine with more to do than it can, a writer
    that runs may well write again before the one that it woke is let in.
    """
    counts = [done for done, _, _ in shares]
    waits = [longest for _, longest, _ in shares]
    return (
        not any(failed for _, _, failed in shares)
        and min(counts) > 0
        and max(counts) <= 20 * (min(counts) + 1)
        and max(waits) < SECONDS
    )


def test_eight_processes_write_in_turns(bank: Bank) -> None:
    tries = shares_of(bank, free=False)
    assert is_fair(tries[-1]), tries
    assert not any(failed for shares in tries for _, _, failed in shares)
    assert bank.differences() == ()


def test_without_turns_writers_starve(bank: Bank) -> None:
    """The control: with SQLite's own waiting alone, a few get nearly everything."""
    tries = shares_of(bank, free=True)
    assert not is_fair(tries[-1]), tries
