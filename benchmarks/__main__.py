"""Measure the portal: `python -m benchmarks`, or `make bench`. docs/performance.md explains it."""

import argparse
import datetime
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import histories, machine, report, vault
from benchmarks.doors import BATCHES, CODES, Doors, sides
from benchmarks.figures import TARGETS, Figure
from benchmarks.ledgers import Ledger, databases, filled
from portal.cli.auditing import cores
from portal.cli.serving import post_worker_init
from portal.config import ROOT
from tests.databases import DIALECTS, Databases


@dataclass(frozen=True)
class Options:
    """What to measure, on what, for how long."""

    asked: frozenset[str]
    dialects: tuple[str, ...]
    seconds: float
    rounds: int
    batches: int
    accounts: int
    entries: int
    written_to: Path


def main(words: list[str]) -> int:
    """Measure, print, write JSON; 0 even if a target is missed, 1 if something was wrong."""
    options = read(words)
    post_worker_init(None)  # what is measured in this process runs as in a worker
    found = machine.facts()
    print(report.facts(found), flush=True)
    figures: list[Figure] = []
    if "P7" in options.asked:
        figures.append(vault.deciding(options.rounds))
        print(report.table("no database", figures), flush=True)
    with databases() as source:
        for dialect in options.dialects:
            ours = list(measured(source, dialect, options))
            print(report.table(dialect, ours), flush=True)
            figures += ours
    told = {**vars(options), "asked": sorted(options.asked), "written_to": str(options.written_to)}
    report.write(options.written_to, found, told, figures)
    print(f"\nwritten to {options.written_to}")
    return int(any(each.target.code == "P15" and each.value for each in figures))


def measured(source: Databases, dialect: str, options: Options) -> Iterator[Figure]:
    """All figures of one database; the last ones say whether anything was wrong.

    The module alone has a ledger of its own, as what fills one counts in what is measured next;
    how it does on what the rounds over HTTP left is told besides.
    """
    codes, wrong = sorted(options.asked & vault.CODES), 0
    if codes:
        with filled(source, dialect, options.accounts) as made:
            yield from [vault.posting(made, code, options.batches) for code in codes]
            wrong = made.audit(cores()).found
    if not options.asked.isdisjoint(histories.CODES):
        with filled(source, dialect, options.accounts) as made:
            figures, unexpected = histories.measured(
                made, options.asked, options.entries, options.rounds
            )
            yield from figures
            wrong += made.audit(cores()).found + unexpected
    with filled(source, dialect, options.accounts) as made:
        if not options.asked.isdisjoint(CODES):
            doors, later = through(made, options)
            yield from doors.figures()
            yield from later
            wrong += doors.unexpected
        yield from vault.audited(made, wrong)


def through(made: Ledger, options: Options) -> tuple[Doors, list[Figure]]:
    """What is asked over HTTP, and the module on what that left.

    What fills the ledger comes after what is measured on a small one: what a database does behind
    about many rows would count there.
    """
    with sides(made) as pair:
        doors = Doors(made, pair, options.seconds, options.asked)
        doors.warm()
        for _ in range(options.rounds):
            doors.round()
        for _ in range(options.rounds if doors.wants("P4") else 0):
            doors.paced()
        later = sorted(options.asked & vault.LATER)
        posted = [vault.posting(made, code, options.batches) for code in later]
        for _ in range(options.rounds if doors.wants(*BATCHES) else 0):
            doors.batches()
    return doors, posted


def read(words: list[str]) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", help=f"figures by commas, of {', '.join(TARGETS)}")
    parser.add_argument("--database", choices=DIALECTS, help="one of the two databases alone")
    parser.add_argument("--seconds", type=float, help="length of one round of load")
    parser.add_argument("--rounds", type=int, help="rounds of which the median is told")
    parser.add_argument("--accounts", type=int, help="accounts in the ledger")
    parser.add_argument("--entries", type=int, help="entries in the ledger of P10 to P12")
    parser.add_argument("--quick", action="store_true", help="see that it runs: no time means much")
    parser.add_argument("--json", type=Path, help="where the JSON goes instead of var/bench/")
    given = parser.parse_args(words)
    asked = frozenset(given.only.split(",")) if given.only else frozenset(TARGETS)
    if unknown := sorted(asked - set(TARGETS)):
        parser.error(f"there is no figure {', '.join(unknown)}")
    quick = given.quick
    now = datetime.datetime.now(datetime.UTC)
    return Options(
        asked=asked,
        dialects=(given.database,) if given.database else DIALECTS,
        seconds=given.seconds or (0.1 if quick else 2.0),
        rounds=given.rounds or (1 if quick else 3),
        batches=2 if quick else 24,
        accounts=given.accounts or (100 if quick else 10_000),
        entries=given.entries or (3_000 if quick else 300_000),
        written_to=given.json or ROOT / "var" / "bench" / f"{now:%Y%m%dT%H%M%SZ}.json",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
