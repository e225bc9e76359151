"""Gate 48: limits by key, account and address hold over workers, and outlive them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal import ledger
from portal.config import Config
from portal.database import Database
from tests.internal.service import ROOT
from tests.served import Caller, Reply, provision, served

pytestmark = pytest.mark.gate
WORKERS = 3
MOST, SECONDS = 30, 3600


def hammer(ask: Callable[[], Reply], times: int = 60) -> tuple[Counter[int], list[Reply]]:
    """Ask from many sides at once; how often each status came, and the refusals."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(), range(times)))
    refused = [answer for answer in answers if answer.status == 429]
    return Counter(answer.status for answer in answers), refused


def entries(config: Config, account: str = "acme", kind: str = "debit") -> int:
    """How many entries of a kind an account has."""
    database = Database(config)
    with database.reading() as connection:
        kinds = [e.kind for e in ledger.page(connection, account, limit=200).entries]
    database.dispose()
    return kinds.count(kind)


def children(pid: int) -> list[int]:
    """The processes a process has begun."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def assert_told(answer: Reply, limited: str) -> None:
    """The problem, with the numbers a client needs."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json
    assert (told["code"], told["retryable"], told["limited"]) == ("rate_limited", True, limited)
    assert (told["limit"], told["window_seconds"]) == (MOST, SECONDS)
    assert answer.headers["Retry-After"] == str(told["retry_after"])
    assert 1 <= told["retry_after"] <= 2 * SECONDS
    assert answer.headers["RateLimit-Policy"] == f'"{limited}";q={MOST};w={SECONDS}'
    assert answer.headers["RateLimit"] == f'"{limited}";r=0;t={told["retry_after"]}'


def test_a_key_is_limited_over_all_workers_and_after_they_were_killed(
    config: Config, tmp_path: Path
) -> None:
    with served(config, tmp_path, workers=WORKERS, rate_key=(MOST, SECONDS)) as caller:
        counted, refused = hammer(caller.debit)
        # Two workers may let the last one in at the same instant.
        assert MOST <= counted[201] <= MOST + WORKERS - 1
        assert counted == {201: counted[201], 429: 60 - counted[201]}
        assert_told(refused[0], "key")
        assert entries(caller.portal.config) == counted[201]
        for pid in children(caller.portal.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert 429 in {answered(caller.debit).status for _ in range(3)}
        kid, secret = provision(caller.portal.config, service="design")
        other = Caller(caller.portal, kid, secret)
        give_up = time.monotonic() + 10
        while (status := other.debit().status) == 401 and time.monotonic() < give_up:
            time.sleep(0.1)  # until the workers have read the new key
        assert status == 201, "another key is not limited"


def test_an_account_is_limited_over_all_workers_and_its_holds_still_end(
    config: Config, tmp_path: Path
) -> None:
    with served(config, tmp_path, workers=WORKERS, rate_account=(MOST, SECONDS)) as caller:
        members = {"account": "acme", "operation": "generate", "quantity": 1}
        members |= {"reference": {"type": "task", "id": "long-job"}}
        hold = caller.call("POST", "/holds", members).json["hold"]["id"]
        counted, refused = hammer(caller.debit)
        assert MOST - 1 <= counted[201] <= MOST + WORKERS - 2
        assert_told(refused[0], "account")
        assert caller.debit("zenith").status == 201, "the neighbour is not limited"
        captured = caller.call("POST", f"/holds/{hold}/capture", {"credits": 1})
        assert captured.status == 201, captured.body
        entry = captured.json["entry"]["id"]
        refunded = caller.call("POST", "/refunds", {"entry": entry, "reason": "failed"})
        assert refunded.status == 201, refunded.body


def test_an_address_is_limited_at_pages_and_at_the_door_without_a_signature(
    config: Config, tmp_path: Path
) -> None:
    with served(config, tmp_path, workers=WORKERS, rate_address=(MOST, SECONDS)) as caller:
        for _ in range(5):
            assert caller.debit().status == 201, "who signs is not counted"
        counted, refused = hammer(lambda: caller.ask(f"{ROOT}/debits", "POST", b"{}"), 50)
        # One was asked by the test itself, which waits until the portal answers.
        assert MOST - 1 <= counted[401] <= MOST + WORKERS - 1
        assert counted.keys() == {401, 429}
        assert_told(refused[0], "address")
        # A window that ends just now lets one more in.
        page = next(page for page in map(caller.ask, ["/login"] * 3) if page.status == 429)
        assert page.headers["Content-Type"].startswith("text/html")
        assert int(page.headers["Retry-After"]) >= 1
        assert b"Too many requests" in page.body
        assert caller.ask("/static/portal.css").status == 200
        assert caller.debit().status == 201, "who signs is no stranger"
        unknown = Caller(caller.portal, "nobody-202611a", caller.secret)
        assert unknown.debit().status == 429


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_without_a_limit_nobody_is_refused(config: Config, tmp_path: Path) -> None:
    """The control: the same requests, and no limit."""
    with served(config, tmp_path, workers=WORKERS) as caller:
        assert hammer(caller.debit)[0] == {201: 60}
        assert not (tmp_path / "shared").exists()


def answered(ask: Callable[[], Reply]) -> Reply:
    """An answer, as soon as there is a worker again."""
    give_up = time.monotonic() + 20
    while True:
        try:
            return ask()
        except OSError:
            assert time.monotonic() < give_up, "no worker came back"
            time.sleep(0.1)
