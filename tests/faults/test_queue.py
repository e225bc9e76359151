"""The queue over a real database: everybody's own answer, whatever befalls one, or the database."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.database.postgresql import SETTINGS
from portal.ledger import Queue, Ticket, settle
from portal.ledger.queue import Waiting
from tests.faults.bank import Bank, Told, at_once, crew, debit, told

pytestmark = pytest.mark.faults
MANY = 64
SOON_ENOUGH = 6


def one_group(bank: Bank, commands: Sequence[ledger.Command]) -> list[Told]:
    """Submit commands so that all but the first come while that is being posted."""
    post, arrived = bank.state.post, threading.Semaphore(0)

    def slow(group: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        if list(group) == [commands[0]]:
            for _ in commands[1:]:
                arrived.acquire(timeout=SOON_ENOUGH)
            time.sleep(0.05)
        return post(group)

    queue = bank.state.queue = Queue(slow)
    begun = threading.Event()

    def submit(command: ledger.Command) -> Told:
        if command is commands[0]:
            threading.Timer(0.05, begun.set).start()
        else:
            begun.wait(SOON_ENOUGH)
            arrived.release()
        return told(lambda: queue.submit(command))

    return at_once([lambda each=each: submit(each) for each in commands])  # type: ignore[misc]


def test_everybody_gets_the_answer_to_his_own_question(bank: Bank) -> None:
    account = bank.account("acme", "pro")
    answers = one_group(bank, [debit(account, job, job + 1) for job in range(MANY)])
    for job, answer in enumerate(answers):
        assert (answer.code, answer.replayed) == ("posted", False)
        assert f'"id":"job-{job}"' in answer.said
        assert f'"amount":{-job - 1},' in answer.said
    assert bank.differences() == ()


def poisoned(bank: Bank, account: str) -> ledger.Command:
    """A command that the engine takes and the database does not: each refuses something else."""
    labels = b"bytes" if bank.database.dialect == "sqlite" else "\0"
    return replace(debit(account, "poison"), labels=labels)  # type: ignore[arg-type]


def test_what_the_database_refuses_fails_alone(bank: Bank) -> None:
    account = bank.account("acme", "pro")
    jobs = [debit(account, job, 1) for job in range(16)]
    answers = one_group(bank, [*jobs[:8], poisoned(bank, account), *jobs[8:]])
    failed = answers.pop(8)
    assert [answer.code for answer in answers] == ["posted"] * 16
    assert failed.code.startswith(("IntegrityError", "NulError"))
    assert bank.available(account) == 100_000 - 16
    assert bank.differences() == ()


def test_batches_that_come_together_are_one_transaction_and_what_fails_in_one_fails_alone(
    bank: Bank,
) -> None:
    account, other = bank.account("acme", "pro"), bank.account("globex", "pro")
    groups: list[int] = []
    post = bank.state.post

    def counted(group: Sequence[ledger.Command], **how: bool) -> list[ledger.Outcome]:
        groups.append(len(group))
        if len(groups) == 1:
            waited_for(lambda: len(queue._waiting) == 3)
        return post(group, **how)

    queue = bank.state.batches = Queue(counted)
    batches = [[debit(account, f"{part}-{job}", 1) for job in range(4)] for part in range(2)] + [
        [debit(other, 0, 1), poisoned(bank, other), debit(other, 1, 1)]
    ]

    def ask(batch: Sequence[ledger.Command]) -> list[ledger.Outcome | Exception]:
        waited_for(lambda: len(groups) == 1)
        return bank.state.submit_all(batch)

    first, *answers = at_once(
        [
            lambda: bank.state.submit_all([debit(account, "first", 1)]),
            *[lambda batch=each: ask(batch) for each in batches],
        ]
    )
    assert groups[:2] == [1, 11]
    failed = answers[2].pop(1)
    assert isinstance(failed, Exception)
    assert type(failed).__name__ in ("IntegrityError", "NulError")
    assert all(isinstance(each, ledger.Posted) for found in [first, *answers] for each in found)
    assert (bank.available(account), bank.available(other)) == (100_000 - 9, 100_000 - 2)
    assert bank.differences() == ()


def waited_for(so: Callable[[], bool]) -> None:
    """Wait for what is soon so."""
    give_up = time.monotonic() + SOON_ENOUGH
    while not so() and time.monotonic() < give_up:
        time.sleep(0.005)
    assert so()


class Away:
    """A database that is away: each attempt takes its time, and all fail."""

    def __init__(self, error: Exception, seconds: float) -> None:
        self.error = error
        self.seconds = seconds
        self.tries = 0

    def __call__(self, _: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        self.tries += 1
        time.sleep(self.seconds)
        raise self.error


@pytest.mark.parametrize(
    "error", [ledger.StorageUnavailableError(), ledger.InProgressError()], ids=["away", "busy"]
)
def test_a_database_that_is_away_is_not_asked_for_each_of_a_group(
    bank: Bank, error: ledger.LedgerError
) -> None:
    """An attempt may take seconds: sixty-four of them one by one would take minutes."""
    bank.state.queue = Queue(away := Away(error, 0.2))
    begun = time.monotonic()
    answers = at_once([lambda job=job: bank.submit(debit("acme", job)) for job in range(MANY)])  # type: ignore[misc]
    assert {answer.code.partition(":")[0] for answer in answers} == {type(error).__name__}
    assert time.monotonic() - begun < SOON_ENOUGH
    assert away.tries < 10


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)  # SQLite locks no single rows
def test_an_account_that_somebody_keeps_keeps_no_other(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [bank.account(name) for name in ("acme", "kept", "zenith")]
    monkeypatch.setitem(SETTINGS, "lock_timeout", "100ms")
    tickets = [Ticket(debit(name, job)) for job in range(8) for name in names]
    with closing(Bank(bank.config)) as quick, bank.database.writing() as connection:
        connection.execute(sa.text("SELECT FROM accounts WHERE id = 'kept' FOR NO KEY UPDATE"))
        begun = time.monotonic()
        settle(quick.state.post, tickets)
    answers = Counter((each.command.account_id, told(each.answer).code) for each in tickets)  # type: ignore[union-attr]
    kept = str(ledger.InProgressError())
    assert answers == {
        ("acme", "posted"): 8,
        ("kept", f"InProgressError: {kept}"): 8,
        ("zenith", "posted"): 8,
    }
    assert time.monotonic() - begun < 2, "the account that is kept is asked for twice, not for each"


def test_nobody_waits_for_ever_behind_a_leader_who_hangs(bank: Bank) -> None:
    account, hangs = bank.account("acme"), threading.Event()
    post = bank.state.post
    seen: list[ledger.Command] = []

    def stuck(group: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        seen.extend(group)
        hangs.wait(30)
        return post(group)

    bank.state.queue = queue = Queue(stuck, patience=1)
    leader = threading.Thread(target=lambda: queue.submit(debit(account, "first")))
    leader.start()
    while not seen:
        time.sleep(0.01)
    begun = time.monotonic()
    answers = at_once([lambda job=job: bank.submit(debit(account, job)) for job in range(8)])  # type: ignore[misc]
    assert {answer.code.partition(":")[0] for answer in answers} == {"StorageUnavailableError"}
    assert time.monotonic() - begun < SOON_ENOUGH
    hangs.set()
    leader.join(SOON_ENOUGH)
    assert len(seen) == 1, "who left was not posted behind his back"
    assert bank.submit(debit(account, "later")).code == "posted"
    assert bank.available(account) == 800


def test_a_leader_who_is_struck_down_leaves_his_group_an_answer(bank: Bank) -> None:
    account = bank.account("acme")
    commands = [debit(account, job) for job in range(8)]
    post = bank.state.post

    def struck(group: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        if len(group) > 1:
            post(group)
            raise SystemExit
        return post(group)

    bank.state.post = struck  # type: ignore[assignment, method-assign]
    answers = one_group(bank, commands)
    assert sorted(answer.code.partition(":")[0] for answer in answers) == [
        *["StorageUnavailableError"] * 6, "SystemExit", "posted"
    ]  # fmt: skip
    again = [bank.ask(command) for command in commands]
    assert [(answer.code, answer.replayed) for answer in again] == [("posted", True)] * 8
    assert bank.available(account) == 200


def die_unheard(bank: Bank, commands: Sequence[ledger.Command]) -> None:
    """Post a group, and be killed when it is committed, before anybody is told."""
    post = bank.state.post

    def struck(group: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        outcomes = post(group)
        if len(group) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    bank.state.post = struck  # type: ignore[assignment, method-assign]
    one_group(bank, commands)


def test_a_group_that_was_committed_and_not_told_is_told_to_who_asks_again(bank: Bank) -> None:
    account = bank.account("acme")
    commands = [debit(account, job) for job in range(8)]
    with pytest.raises(EOFError):
        crew(bank, die_unheard, [(commands,)])
    again = [bank.submit(command) for command in commands]
    assert [(answer.code, answer.replayed) for answer in again] == [("posted", True)] * 8
    assert [bank.submit(command) for command in commands] == again
    assert bank.available(account) == 200
    assert bank.differences() == ()


class Startled(Waiting):
    """Of one who is interrupted once he is woken, or at once."""

    def __init__(self, tickets: Sequence[ledger.Ticket]) -> None:
        super().__init__(tickets)
        request = tickets[0].command.request
        key = "" if request is None else request.key
        if key.startswith("startled"):
            self.woken = Alarm(self.woken, at_once=key.endswith("at-once"))  # type: ignore[assignment]


class Alarm:
    """Waits as the lock it stands for, and then is interrupted as by a signal."""

    def __init__(self, lock: threading.Lock, *, at_once: bool) -> None:
        self.lock = lock
        self.at_once = at_once
        self.release = lock.release
        self.locked = lock.locked

    def acquire(self, timeout: float) -> None:
        """Never return."""
        if not self.at_once:
            self.lock.acquire(timeout=timeout)
        raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["at-once", "when-woken"])
def test_who_is_interrupted_while_he_waits_leaves_the_others_going(
    bank: Bank, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the one who is to lead next would never come, and all others wait for him."""
    monkeypatch.setattr("portal.ledger.queue.Waiting", Startled)
    account = bank.account("acme")
    startled = [debit(account, n, key=f"startled-{n}-{when}") for n in range(3)]
    answers = one_group(bank, [debit(account, "first"), *startled, debit(account, "last")])
    assert [answer.code.partition(":")[0] for answer in answers] == [
        "posted", *["KeyboardInterrupt"] * 3, "posted"
    ]  # fmt: skip
    assert bank.submit(debit(account, "later")).code == "posted"
