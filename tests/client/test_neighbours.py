"""Requests that arrive together over HTTP: whatever is refused touches nobody beside it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from portal.client import Credits, RefusedError
from tests.client.conftest import opened

MANY = 48


def test_refusals_touch_no_neighbour(credits: Credits, task: Callable[[], str]) -> None:
    """A third is paid; of the rest each is refused for a reason of its own, on the same account."""
    account, poor = opened(credits), opened(credits)
    credits.debit(poor, "generate", quantity=1_000, reference=task())
    ended = credits.hold(account, "generate", quantity=1, reference=task())
    ended.release("failed")
    refused: list[Callable[[], object]] = [
        lambda: credits.debit(poor, "generate", quantity=1, reference=task()),
        lambda: credits.capture(ended.id, 1),
        lambda: credits.debit(account, "generate", quantity=1_001, reference=task()),
        lambda: credits.debit("nobody", "generate", quantity=1, reference=task()),
    ]
    codes = ["insufficient_credits", "hold_released", "limit_reached", "account_not_found"]

    def ask(number: int) -> str:
        try:
            if number % 3:
                refused[number % 4]()
            else:
                made = credits.debit(account, "generate", quantity=number + 1, reference=task())
                return "paid" if made.entry.amount == -number - 1 else "another's answer"
        except RefusedError as error:
            return error.code
        return "let through"

    with ThreadPoolExecutor(MANY) as threads:
        answers = list(threads.map(ask, range(MANY)))
    assert answers == [codes[n % 4] if n % 3 else "paid" for n in range(MANY)]
    balance = credits.balance(account)
    assert (balance.posted, balance.held) == (1_000 - sum(range(1, MANY + 1, 3)), 0)
    assert credits.balance(poor).posted == 0
