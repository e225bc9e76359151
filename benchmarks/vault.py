"""The figures of the ledger alone: posting in batches, auditing, and the pure core."""

import os
import time
from collections.abc import Iterator, Sequence

from benchmarks.figures import TARGETS, Figure, median
from benchmarks.ledgers import CREDITS, SERVICE, Ledger, payment
from portal import ledger, pricing
from portal.cli.auditing import cores
from portal.client.members import new_key
from portal.clock import utc_now
from portal.ledger.plans import unopened

CODES = frozenset({"P6a", "P6b"})
LATER = frozenset({"L"})  # on a ledger that others have filled
BATCH = 1_000
QUANTITY = 12
PURE_DEBITS = 20_000


def posting(made: Ledger, code: str, batches: int) -> Figure:
    """P6: debits a second through ledger.post, one database transaction a batch.

    Over all accounts at random, after each had one (a and L), or on one account (b). As many
    batches go before uncounted: while a log grows for the first time, blocks are found for it.
    """
    rates, cpu, hot = [], [], code == "P6b"
    for warming in () if hot else batched(made.accounts, BATCH):
        done(made, warming)
    for place in range(2 * batches):
        accounts = made.accounts[:1] * BATCH if hot else made.spread(BATCH)
        took, used = done(made, accounts)
        if place < batches:
            continue
        rates.append(BATCH / took)
        cpu.append(used * 1_000_000 / BATCH)
    numbers: dict[str, float | int | str] = {"app_us_each": median(cpu), "batches": batches}
    return Figure(TARGETS[code], made.dialect, median(rates), numbers)


def done(made: Ledger, accounts: Sequence[str]) -> tuple[float, float]:
    """Seconds, and CPU seconds here, that a debit on each of these accounts takes together."""
    commands = [debit(account) for account in accounts]
    started, used = time.perf_counter(), time.process_time()
    made.post(commands)
    took, used = time.perf_counter() - started, time.process_time() - used
    return took, used


def batched(accounts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """All accounts in their order, so many at a time."""
    return (accounts[first : first + size] for first in range(0, len(accounts), size))


def debit(account: str) -> ledger.Debit:
    """One debit as the door would hand it on, with a key and a body of the usual size."""
    key, reference = new_key(), ledger.Reference("task", new_key())
    body = (
        f'{{"account":"{account}","command":"debit","operation":"generate",'
        f'"quantity":{QUANTITY},"reference":{{"id":"{reference.id}","type":"task"}}}}'
    )
    return ledger.Debit(
        actor=SERVICE,
        request=ledger.Request(SERVICE.name, key, body),
        account_id=account,
        operation="generate",
        quantity=QUANTITY,
        reference=reference,
    )


def deciding(rounds: int) -> Figure:
    """P7: debits a second that the pure core decides, on one account, one after another."""
    tariffs, ids, now = (
        pricing.Tariffs([pricing.shipped_tariff()]),
        ledger.Ids(os.urandom),
        utc_now(),
    )
    state, rates = opened("account-1", now, tariffs, ids), []
    for _ in range(rounds):
        commands, after = [debit("account-1") for _ in range(PURE_DEBITS)], state
        started = time.perf_counter()
        for command in commands:
            decision = ledger.decide(
                after, command, ledger.Facts(), now=now, tariffs=tariffs, ids=ids
            )
            after = decision.state
        rates.append(PURE_DEBITS / (time.perf_counter() - started))
        if after.account.seq != state.account.seq + PURE_DEBITS:
            raise RuntimeError("a debit was refused")
    return Figure(TARGETS["P7"], "none", median(rates), {"debits": PURE_DEBITS, "rounds": rounds})


def opened(name: str, now: int, tariffs: pricing.Tariffs, ids: ledger.Ids) -> ledger.State:
    """The state of an account with an allocation and a purchase, as decided from nothing."""
    put = ledger.PutAccount(account_id=name, name="Account", tier="pro")
    bought = ledger.IssueGrant(
        account_id=name, credits=CREDITS, origin="purchase", reference=payment(name)
    )
    state = unopened(put, now)
    for command in (put, bought):
        facts = ledger.Facts()
        decision = ledger.decide(state, command, facts, now=now, tariffs=tariffs, ids=ids)
        state = decision.state
    return state


def audited(made: Ledger, unexpected: int) -> list[Figure]:
    """P13 and P15: how fast all of it is audited, and that nothing is wrong with it.

    As the command audits it: by as many processes as there are cores, at most four.
    """
    jobs, started = cores(), time.perf_counter()
    report = made.audit(jobs)
    seconds = time.perf_counter() - started
    entries = report.counts["entries"]
    wrong = report.found + unexpected
    first = str(report.differences[0]) if report.differences else ""
    checked: dict[str, float | int | str] = {
        "entries": entries,
        "seconds": seconds,
        "jobs": jobs,
    }
    found: dict[str, float | int | str] = {
        "differences": report.found,
        "unexpected": unexpected,
        "first": first,
    }
    return [
        Figure(TARGETS["P13"], made.dialect, entries / seconds, checked),
        Figure(TARGETS["P15"], made.dialect, wrong, found),
    ]
