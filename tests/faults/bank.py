"""A small bank that many ask at once, in threads and in processes, over connections of their own.

Answers come back as what a service would see of them. Every
race is run ROUNDS times.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from portal import ledger
from portal.config import Config
from portal.current import Application
from portal.database import Database
from portal.internal.replies import posted_reply
from portal.internal.strict_json import write
from tests.ledger.histories import START, STUDIO, TARIFFS

PATIENCE = 60
SOON = START + 60_000_000
OLGA = ledger.Actor("admin", "olga@example.com")
Answer = TypeVar("Answer")


class Told(NamedTuple):
    """An answer: `posted`, the code of a refusal, or what failed; and the bytes it is said in."""

    code: str
    replayed: bool = False
    said: str = ""


class Bank:
    """One application's state over a database; every command has a key and a fixed time."""

    def __init__(self, config: Config, now: int = SOON) -> None:
        self.config = config
        self.now = now
        self.state = Application(config, Database(config), lambda: self.now, os.urandom)
        self.database = self.state.database

    def open(self) -> Bank:
        """Publish the price list of the tests."""
        with self.database.writing() as connection:
            ledger.publish_tariff(connection, TARIFFS[0], now=START, published_by="olga")
        return self

    def close(self) -> None:
        """Close all connections."""
        self.database.dispose()

    def account(self, name: str, tier: str = "free") -> str:
        """Open an account: a free one has 1,000 credits a month."""
        self.done(ledger.PutAccount(account_id=name, name=name, tier=tier))
        return name

    def done(self, command: ledger.Command) -> ledger.Posted:
        """Post a command, which must succeed."""
        [outcome] = self.state.post([command])
        assert isinstance(outcome, ledger.Posted), outcome
        return outcome

    def ask(self, command: ledger.Command, now: int | None = None) -> Told:
        """Post a command in a database transaction of its own; `now` is the bank's unless given."""
        at = self.now if now is None else now
        tariffs, ids = self.state.tariffs(), self.state.ids

        def work(connection: Connection) -> ledger.Outcome:
            return ledger.post(connection, [command], now=at, tariffs=tariffs, ids=ids)[0]

        return told(lambda: self.database.run(work))

    def submit(self, command: ledger.Command) -> Told:
        """Post a command as a view does, in a group with those that arrive at the same time."""
        return told(lambda: self.state.submit(command))

    def entries(self, account: str) -> list[ledger.Entry]:
        """The account's entries, oldest first."""
        with self.database.reading() as connection:
            page = ledger.page(connection, account, ledger.Filter(), limit=1_000)
        return list(reversed(page.entries))

    def available(self, account: str) -> int:
        """What is left to spend."""
        with self.database.reading() as connection:
            return ledger.balance_now(connection, account).available

    def differences(self, account: str | None = None) -> tuple[ledger.Difference, ...]:
        """What the audit finds."""
        with self.database.reading() as connection:
            later = self.now + 400 * ledger.DAY
            return ledger.audit(connection, now=later, account=account).differences


def told(ask: Callable[[], ledger.Outcome]) -> Told:
    """An outcome as a service sees it; a failure by the name of its error."""
    try:
        outcome = ask()
    except BaseException as error:
        return Told(f"{type(error).__name__}: {error}")
    if isinstance(outcome, ledger.Refused):
        why = outcome.error
        return Told(ledger.code_of(type(why)), outcome.replayed, str(why))
    said = write(posted_reply(outcome)) if outcome.entry else ""
    return Told("posted", outcome.replayed, said)


# Commands, each under a key of its own


def asked(key: str, **members: object) -> dict[str, Any]:
    """Who asks, and under which key."""
    body = write({name: str(value) for name, value in members.items()})
    return {"actor": STUDIO, "request": ledger.Request("studio", key, body)}


def debit(account: str, job: object, quantity: int = 100, key: str = "") -> ledger.Debit:
    """A debit of so many credits for one job."""
    key = key or f"debit {account} {job}"
    reference = ledger.Reference("task", f"job-{job}")
    return ledger.Debit(
        account_id=account,
        operation="generate",
        quantity=quantity,
        reference=reference,
        **asked(key, account=account, job=job, quantity=quantity),
    )


def hold(account: str, job: object, quantity: int = 100, key: str = "") -> ledger.PlaceHold:
    """A hold of so many credits for one job."""
    key = key or f"hold {account} {job}"
    return ledger.PlaceHold(
        account_id=account,
        operation="generate",
        quantity=quantity,
        reference=ledger.Reference("task", f"job-{job}"),
        **asked(key, quantity=quantity),
    )


def refund(entry: str, part: object, credits: int, key: str = "") -> ledger.Refund:
    """A refund of a part of a charge."""
    key = key or f"refund {entry} {part}"
    return ledger.Refund(
        entry_id=entry, reason="partial", credits=credits, **asked(key, credits=credits)
    )


def purchase(account: str, payment: str, credits: int = 500, key: str = "") -> ledger.IssueGrant:
    """Credits bought by one payment."""
    key = key or f"purchase {account} {payment}"
    return ledger.IssueGrant(
        account_id=account,
        credits=credits,
        origin="purchase",
        reference=ledger.Reference("payment", payment),
        **asked(key, credits=credits),
    )


# Many at once


def at_once(works: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Do all works at the same moment, each in a thread; their answers in order."""
    answers: dict[int, Answer] = {}
    start = threading.Barrier(len(works))

    def do(number: int) -> None:
        start.wait(PATIENCE)
        answers[number] = works[number]()

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "somebody hangs"
    return [answers[number] for number in range(len(works))]


def in_threads(bank: Bank, commands: Sequence[ledger.Command]) -> list[Told]:
    """Each command in a thread and a database transaction of its own."""
    return at_once([lambda each=each: bank.ask(each) for each in commands])  # type: ignore[misc]


def in_groups(bank: Bank, commands: Sequence[ledger.Command]) -> list[Told]:
    """Each command in a thread, grouped as they come."""
    return at_once([lambda each=each: bank.submit(each) for each in commands])  # type: ignore[misc]


def in_processes(bank: Bank, commands: Sequence[ledger.Command]) -> list[Told]:
    """The commands shared out over four processes, each of which groups what its threads ask."""
    shares = [list(commands[first::4]) for first in range(4)]
    found = crew(bank, in_groups, [(share,) for share in shares])
    return [found[place % 4][place // 4] for place in range(len(commands))]


WAYS = {"threads": in_threads, "groups": in_groups, "processes": in_processes}


def crew(
    bank: Bank, work: Callable[..., Answer], shares: Sequence[tuple[Any, ...]]
) -> list[Answer]:
    """Do a work in as many processes as there are shares, each with a bank of its own.

    They begin at the same moment, with their connections made. `work` takes bank and share.
    """
    given = (bank.config, bank.now)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.bank"])
    members = []
    for share in shares:
        ours, theirs = context.Pipe()
        process = context.Process(target=_member, args=(theirs, given, work, share))
        process.start()
        theirs.close()
        members.append((process, ours))
    try:
        for _, pipe in members:
            assert _heard(pipe) == "ready"
        for _, pipe in members:
            pipe.send("go")
        return [_heard(pipe) for _, pipe in members]
    finally:
        for process, pipe in members:
            pipe.close()
            process.join(PATIENCE)
            process.kill()
            process.join()
            process.close()


def _heard(pipe: Any) -> Any:
    assert pipe.poll(PATIENCE), "a process hangs"
    said = pipe.recv()
    if isinstance(said, Exception):
        raise said
    return said


def _member(
    pipe: Any, given: tuple[Config, int], work: Callable[..., Any], share: tuple[Any, ...]
) -> None:
    with closing(Bank(*given)) as bank:
        try:
            bank.state.tariffs()
            pipe.send("ready")
            pipe.recv()
            pipe.send(work(bank, *share))
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
