"""A bank over HTTP under mixed load whose workers are killed all the time, and what came of it.

    python -m tests.faults.soak [--seconds 300] [--database sqlite] [--clients 32] [--seed 1]

Prints how it goes, writes a JSON report under var/soak/, and ends with 1 if anything was lost,
doubled, unexplained or unsound. docs/soak.md tells what is done and what is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import machine
from portal import ledger
from portal.clock import utc_now
from portal.config import Config
from portal.current import Application
from portal.database import Database, sqlite
from tests.client.portals import stocked
from tests.databases import DIALECTS, Databases
from tests.faults.checker import Checker
from tests.faults.clients import Crowd
from tests.faults.door import Door
from tests.faults.history import Told
from tests.faults.nemesis import House, Nemesis, audited
from tests.serving import ROOT, serving

WORKERS = 3
ACCOUNTS = 40
KILLS, LONGEST = 3, 60.0  # a run goes on until so many workers were killed, or for so long
WARM = 30.0  # seconds after which a worker's memory may only grow by GROWTH
GROWTH = 0.10
CACHE = sqlite.CACHE_KIB[True] << 10  # on SQLite its writer's pages may still come in, too
Says = Callable[[str], object]


@dataclass(frozen=True)
class Orders:
    """What to do: on which database, for how long, how many at once, how often to kill."""

    dialect: str
    seconds: float
    clients: int = 32
    every: float = 1.0
    seed: int = 1


@dataclass
class Report:
    """What came of it."""

    orders: Orders
    blows: dict[str, int]
    counts: dict[str, Any]
    memory: dict[str, Any]
    violations: list[str] = field(default_factory=list)


@contextmanager
def banks(folder: Path) -> Iterator[Databases]:
    """Databases on a server of their own: others should not have to live with its end."""
    source = Databases(folder, folder, os.getpid())
    try:
        yield source
    finally:
        if (folder / "postgres.json").exists():
            source.server().stop()


def soak(orders: Orders, source: Databases, folder: Path, say: Says = lambda _: None) -> Report:
    """Serve, ask and kill for so long; then look at what is left."""
    with source.fresh(orders.dialect) as config:
        server = source.server() if orders.dialect == "postgresql" else None
        kid, secret = stocked(config)
        with serving(config, folder, workers=WORKERS, threads=16) as portal:
            house = House(portal, WORKERS)
            crowd = Crowd(Door(portal.authority, kid, secret), orders.seed, orders.clients,
                          ACCOUNTS)  # fmt: skip
            lots = random.Random(f"{orders.seed} nemesis")
            nemesis = Nemesis(house, server, lots, orders.every)
            try:
                run(orders, crowd, nemesis, say)
            finally:
                house.end()
        return judged(orders, config, crowd, nemesis)


def run(orders: Orders, crowd: Crowd, nemesis: Nemesis, say: Says) -> None:
    """Everything may be killed in the first half; in the second one worker is spared."""
    crowd.open()
    begun = time.monotonic()
    crowd.start()
    nemesis.start()
    try:
        while (passed := time.monotonic() - begun) < orders.seconds or (
            nemesis.blows["worker killed"] < KILLS and passed < LONGEST
        ):
            if passed > orders.seconds / 2 and nemesis.spared is None:
                nemesis.spare()
            done = ", ".join(f"{count} {name}" for name, count in nemesis.blows.items())
            say(f"{passed:5.0f} s  {len(crowd.history):7,} answers  {done}")
            time.sleep(min(5.0, max(0.1, orders.seconds / 8)))
    finally:
        nemesis.stop()
        crowd.stop()


def judged(orders: Orders, config: Config, crowd: Crowd, nemesis: Nemesis) -> Report:
    """Hold what was told against what is in the ledger, and audit that."""
    advance(config, list(crowd.tiers))
    rows, refusals = ledger_of(config)
    history = [*crowd.history, *crowd.door.partly]
    checker = Checker(history, rows, refusals, crowd.tiers)
    found = [*crowd.faults, *nemesis.faults, *checker.found]
    found += [f"audit: {each}" for each in audited(config)]
    memory = memory_of(nemesis, CACHE if orders.dialect == "sqlite" else 0)
    found += [f"memory: {memory}"] if memory.get("grew too much") else []
    counts = counted(crowd, checker) | {"entries": sum(map(len, rows.values()))}
    return Report(orders, dict(nemesis.blows), counts, memory, found)


def advance(config: Config, accounts: list[str]) -> None:
    """Write what fell due since: a balance may have told of it before anybody wrote it."""
    state = Application(config, Database(config), utc_now, os.urandom)
    state.post([ledger.Advance(account_id=account) for account in accounts])
    state.database.dispose()


def ledger_of(config: Config) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """All entries by account, oldest first, and all refusals by id, straight from the tables."""
    tables = ledger.metadata.tables
    database = Database(config)
    rows: dict[str, list[Any]] = defaultdict(list)
    with database.reading() as connection:
        entries = tables["entries"]
        order = sa.select(entries).order_by(entries.c.account_id, entries.c.seq)
        for row in connection.execute(order):
            rows[row.account_id].append(row)
        refusals = {row.id: row for row in connection.execute(sa.select(tables["refusals"]))}
    database.dispose()
    return rows, refusals


def counted(crowd: Crowd, checker: Checker) -> dict[str, Any]:
    """Figures of a run. unheard: committed, and told only to who asked again."""
    history, known = crowd.history, checker.intentions.values()
    kinds = Counter(told.asked.kind for told in history)
    return {
        "answers": len(history),
        "by kind": dict(kinds.most_common()),
        "batches": counted_of([told for told in history if told.asked.commands]),
        "by status": dict(Counter(f"{t.status} {t.code}".strip() for t in history).most_common()),
        "replayed": sum(told.replayed for told in history),
        "ambiguous": sum(told.lost > 0 and bool(told.asked.key) for told in history),
        "unheard": sum(each.row is not None and not each.fresh for each in known),
        "tries that failed": dict(crowd.door.failures.most_common()),
    }


def counted_of(batches: list[Told]) -> dict[str, int]:
    """Batches by what became of them, and the commands in all of them."""
    found: Counter[str] = Counter()
    for told in batches:
        whole = "atomic, done" if told.status == 201 else "atomic, undone"
        found[whole if told.asked.atomic else "each on its own"] += 1
        found["commands"] += len(told.asked.commands)
    return dict(found.most_common())


def memory_of(nemesis: Nemesis, cache: int) -> dict[str, Any]:
    """Of the worker that was spared, in MB: once it was warm, at the end, and on the way."""
    samples = nemesis.memory.get(nemesis.spared or 0, [])
    sizes = [size for at, size in samples if at >= samples[0][0] + WARM]
    found: dict[str, Any] = {"each 10 s": [size >> 20 for _, size in samples[::10]]}
    if len(sizes) > WARM:
        warm, end = (sum(part) // len(part) for part in (sizes[:10], sizes[-10:]))
        found |= {"warm": warm >> 20, "end": end >> 20}
        found["grew too much"] = end > warm * (1 + GROWTH) + cache
    return found


def written(report: Report, folder: Path) -> Path:
    """The report as JSON, with what it was made on."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{report.orders.dialect}.json"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    told = {"machine": machine.facts(), "commit": commit.stdout.strip(), "report": vars(report)}
    path.write_text(json.dumps(told, indent=2, default=vars) + "\n")
    return path


def main(words: list[str]) -> int:
    """The long form: each database in turn; 1 on any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--seconds", type=float, default=300, help="on each database")
    parser.add_argument("--database", choices=DIALECTS, help="one of the two alone")
    parser.add_argument("--clients", type=int, default=32, help="threads that ask")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from kill to kill")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the lots")
    given = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = False
    for dialect in [given.database] if given.database else DIALECTS:
        orders = Orders(dialect, given.seconds, given.clients, given.every, given.seed)
        print(f"{dialect}, {given.seconds:.0f} seconds, seed {given.seed}", flush=True)
        with tempfile.TemporaryDirectory(prefix="portal-soak-") as name:
            folder = Path(name)
            with banks(folder) as source:
                report = soak(orders, source, folder, lambda text: print(text, flush=True))
        print(json.dumps([report.blows, report.counts, report.memory], indent=2))
        print("\n".join(report.violations[:50]))
        print(f"{len(report.violations)} violations; {written(report, ROOT / 'var' / 'soak')}")
        failed |= bool(report.violations)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
