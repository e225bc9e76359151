"""One audit in several processes: the report of one, of one instant, or no report at all."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.cli import auditing, auditors
from portal.cli.auditing import audited, cores, is_large
from portal.cli.auditors import Auditors
from portal.config import ROOT, Config
from portal.database import BusyError, Database, postgresql, turnstile
from portal.ledger.tables import metadata
from tests.cli.operating import run
from tests.databases import Databases
from tests.forgery import Forger, Row, forging
from tests.gate.test_rewriting import FORGERIES
from tests.gate.test_tampering import altered
from tests.ledger.conftest import fill
from tests.ledger.histories import Teller

# Later Pythons warn of a fork beside other threads. The runner's own have no part in it.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
CUTS = ((1, 1), (3, 2), (10_000, 500))


@pytest.fixture
def now(config: Config, monkeypatch: pytest.MonkeyPatch) -> int:
    """The end of a history, in a ledger that counts as large. Nothing is open when it is told."""
    monkeypatch.setattr(auditing, "MANY", auditing.MANY.offset(0))
    with opened(config) as database:
        return fill(database)


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    database = Database(config)
    try:
        yield database
    finally:
        database.dispose()


def report(config: Config, now: int, jobs: int) -> ledger.Report:
    with opened(config) as database:
        return audited(database, config, now=now, jobs=jobs, quiet=True)


def cut(monkeypatch: pytest.MonkeyPatch, rows: int, accounts: int) -> None:
    """Have parts end after so many rows, and after so many accounts."""
    cuts = sys.modules["portal.ledger.cuts"]
    monkeypatch.setattr(cuts, "ROWS_A_PART", rows)
    monkeypatch.setattr(cuts, "ACCOUNTS_A_PART", accounts)


def reports(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch, *jobs: int
) -> list[ledger.Report]:
    """What is said of a ledger, however it is cut and by however many processes."""
    found = []
    for rows, accounts in CUTS:
        cut(monkeypatch, rows, accounts)
        found += [report(config, now, each) for each in jobs]
    return found


def damage_columns(forger: Forger, table: str) -> None:
    """Alter every column of a table, each in a row of its own as far as there are rows."""
    names = [c.name for c in metadata.tables[table].c if c.computed is None and c.name != "touched"]
    for number, name in enumerate(names):
        rows = forger.rows(table)
        row: Row = rows[number % len(rows)]
        value = row[name]
        if value is None:
            value = 6 if metadata.tables[table].c[name].type.python_type is int else ""
        forger.update(table, row, **{name: altered(value)})


def test_several_say_what_one_says_of_a_clean_ledger(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = reports(config, now, monkeypatch, 1, 2)
    assert first.clean
    assert all(each == first for each in others)


def test_several_say_what_one_says_whatever_column_was_changed(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch, databases: Databases
) -> None:
    found = 0
    # An account's row last: without it all of its history hangs on nothing.
    for table in sorted(metadata.tables, reverse=True):
        with forging(config, databases) as forger:
            damage_columns(forger, table)
        first, *others = reports(config, now, monkeypatch, 1, 2)
        assert all(each == first for each in others), table
        assert first.found > found, table
        found = first.found
    assert found > 100


def test_several_keep_the_differences_that_one_keeps(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch, databases: Databases
) -> None:
    """Of many the first, by the place of their part and not by who was done first."""
    with forging(config, databases) as forger:
        for table in ("requests", "holds", "entries"):
            damage_columns(forger, table)
    for name in ("findings", "gathered"):
        monkeypatch.setattr(sys.modules[f"portal.ledger.{name}"], "KEPT", 30)
    cut(monkeypatch, 3, 2)
    whole = report(config, now, 1)
    assert (len(whole.differences), whole.found > 60) == (30, True)
    assert [report(config, now, jobs) for jobs in (2, 3, 4)] == [whole] * 3


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: (forge.__doc__ or "")[:60])
def test_several_say_what_one_says_whatever_was_forged(
    config: Config,
    now: int,
    monkeypatch: pytest.MonkeyPatch,
    databases: Databases,
    forge: Callable[[Forger], object],
) -> None:
    with forging(config, databases) as forger:
        forge(forger)
    whole = report(config, now, 1)
    cut(monkeypatch, 3, 2)
    assert not whole.clean
    assert [report(config, now, jobs) for jobs in (1, 2)] == [whole, whole]


WRITER = """
import os, pathlib, sys
from portal import ledger
from portal.database import Database
from tests.databases import config_for
from tests.ledger.histories import TARIFFS
database = Database(config_for(sys.argv[1], pathlib.Path(sys.argv[2])))
ids = ledger.Ids(os.urandom)
actor = ledger.Actor("service", "studio", "studio-202611a")
number = 0
print("writing", flush=True)
while True:
    number += 1
    debit = ledger.Debit(
        actor=actor,
        request=ledger.Request("studio", f"meanwhile-{number:012}", "{}"),
        account_id=f"live-{number % 40:02}",
        operation="generate",
        quantity=1,
        reference=ledger.Reference("task", f"meanwhile-{number}"),
    )
    now = int(sys.argv[3]) + number
    post = lambda each: ledger.post(each, [debit], now=now, tariffs=TARIFFS, ids=ids)
    [outcome] = database.run(post)
    assert isinstance(outcome, ledger.Posted), outcome
"""


@contextmanager
def writing(config: Config, now: int) -> Iterator[None]:
    """Another process that posts debit after debit, each an entry and an answered request."""
    words = [sys.executable, "-c", WRITER, config.database_url, str(config.root), str(now)]
    writer = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        yield
        assert writer.poll() is None, "it wrote to the end"
    finally:
        writer.kill()
        writer.communicate()


@pytest.fixture
def live(config: Config, now: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Accounts to write to from that instant on; processes that begin one after another."""
    with opened(config) as database, database.writing() as connection:
        teller = Teller(connection, now=now)
        for number in range(40):
            teller.ask(ledger.PutAccount, account_id=f"live-{number:02}", name="", tier="pro")
    send = Auditors._send

    def slowly(self: Auditors, pipe: Any, told: object) -> None:
        send(self, pipe, told)
        if isinstance(told, str):
            time.sleep(0.1)

    monkeypatch.setattr(Auditors, "_send", slowly)
    cut(monkeypatch, 20, 5)
    return teller.now


def torn(config: Config, now: int, times: int = 5) -> int:
    """How many of some audits did not see one instant: each debit is an entry and a request."""
    counts = [report(config, now, 1).counts]
    with writing(config, now):
        for _ in range(times):
            told = report(config, now, 2)
            assert told.differences == ()
            counts.append(told.counts)
    assert counts[0]["entries"] < counts[-1]["entries"]
    beyond = [each["entries"] - each["requests"] for each in counts]
    return sum(each != beyond[0] for each in beyond)


def test_all_of_them_see_one_instant_while_others_write(config: Config, live: int) -> None:
    assert torn(config, live) == 0


def test_control_each_on_a_snapshot_of_its_own_they_see_several(
    config: Config, live: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the writers' turn, and without the name of a snapshot, it would be found out."""
    monkeypatch.setattr(turnstile.Turnstile, "turn", lambda _: nullcontext())
    monkeypatch.setattr(postgresql, "import_snapshot", lambda connection, _: look(connection))
    assert torn(config, live) > 0


def look(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SELECT count(*) FROM accounts")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_turn_that_does_not_come_ends_the_audit(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.sqlite_file
    monkeypatch.setattr(turnstile, "WAIT_SECONDS", 0.3)
    with turnstile.Turnstile(config.sqlite_file).turn():
        result = run(config, "audit", "--jobs", "2", now=now)
    assert result.exit_code == 1
    assert "Error: another process kept the database for 0.3 seconds" in result.stderr
    assert result.stdout == ""


def test_one_that_does_not_join_in_time_ends_the_audit_and_gives_the_turn_back(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditors, "JOIN_SECONDS", 0.3)
    monkeypatch.setattr(Database, "joining", lambda *_: time.sleep(60))
    started = time.monotonic()
    result = run(config, "audit", "--jobs", "2", now=now)
    assert time.monotonic() - started < 10
    assert result.exit_code == 1
    assert "Error: a process of the audit was not ready in 0.3 seconds" in result.stderr
    with opened(config) as database, database.writing():
        pass


def test_one_that_is_killed_ends_the_audit_which_says_nothing(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    before = children(os.getpid())
    monkeypatch.setattr(sys.modules["portal.ledger.audit"], "check_requests", die)
    result = run(config, "audit", "--jobs", "2", now=now)
    assert result.exit_code == 1
    assert "Error: a process of the audit ended by signal 9 before it was done" in result.stderr
    assert result.stdout == ""
    assert children(os.getpid()) == before


def test_one_that_fails_says_why(config: Config, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BusyError("canceled by somebody")

    monkeypatch.setattr(sys.modules["portal.ledger.audit"], "check_requests", fail)
    result = run(config, "audit", "--jobs", "2", now=now)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: canceled by somebody" in result.stderr


COMMAND = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
from flask.cli import ScriptInfo
from portal import create_app
from portal.cli import auditing
from portal.ledger.audit import Auditor
from tests.databases import config_for
auditing.MANY = auditing.MANY.offset(0)
def check(self, part):
    print("at work", flush=True)
    while True:
        self._progress(0)
        time.sleep(0.1)
Auditor.check = check
app = create_app(config_for(sys.argv[1], pathlib.Path(sys.argv[2])))
app.cli(["ledger", "audit", "--jobs", "2"], obj=ScriptInfo(create_app=lambda: app))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_ctrl_c_ends_all_of_them_and_so_does_the_end_of_the_command(
    config: Config, now: int, number: signal.Signals
) -> None:
    words = [sys.executable, "-c", COMMAND, config.database_url, str(config.root)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = subprocess.Popen(words, cwd=ROOT, start_new_session=True, **pipes)
    try:
        assert command.stdout is not None
        assert [command.stdout.readline() for _ in range(2)] == [b"at work\n"] * 2
        theirs = children(command.pid)
        os.killpg(command.pid, signal.SIGINT) if number == signal.SIGINT else command.kill()
        _, told = command.communicate(timeout=10)
    finally:
        command.kill()
        command.communicate()
    assert len(theirs) == 2
    assert command.returncode == (1 if number == signal.SIGINT else -signal.SIGKILL)
    assert b"Traceback" not in told
    patience = time.monotonic() + 10
    while any(map(is_running, theirs)):
        assert time.monotonic() < patience
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process is there; one that ended may be, until somebody asks how."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes that a process made and that are there."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_says_what_was_found_as_one_process_does(
    config: Config, now: int, databases: Databases
) -> None:
    assert run(config, "audit", "--jobs", "2", now=now).exit_code == 0
    with forging(config, databases) as forger:
        entry = next(row for row in forger.rows("entries") if row["seq"] == 4)
        forger.update("entries", entry, note="x")
    result = run(config, "audit", "--jobs", "2", now=now)
    assert result.exit_code == 2
    assert f"account ada seq 4: {entry['id']}: hash: expected " in result.stdout


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal_a_progress_bar_runs_to_its_end_unless_it_is_quiet(
    config: Config, now: int, jobs: int, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", seen := Terminal())
    with opened(config) as database:
        assert audited(database, config, now=now, jobs=jobs, quiet=quiet).clean
    assert ("audit: 100%" in seen.getvalue()) is not quiet
    assert quiet is (seen.getvalue() == "")


def test_one_account_and_a_small_ledger_are_audited_in_this_process(
    config: Config, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Auditors, "start", lambda *_: pytest.fail("processes were made"))
    assert run(config, "audit", "--jobs", "2", "--account", "bob", now=now).exit_code == 0
    assert run(config, "audit", "--jobs", "1", now=now).exit_code == 0
    monkeypatch.undo()
    with opened(config) as database:
        assert not is_large(database)
    monkeypatch.setattr(Auditors, "start", lambda *_: pytest.fail("processes were made"))
    assert run(config, "audit", "--jobs", "2", now=now).exit_code == 0


def test_as_many_as_there_are_cores_and_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= cores() <= 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert cores() == 4
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == 1
