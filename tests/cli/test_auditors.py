"""Processes that check parts of an audit: started, told, heard and ended."""

from __future__ import annotations

import os
import signal

import pytest

from portal import ledger
from portal.cli import auditors
from portal.cli.auditors import AuditorError, Auditors
from portal.config import Config
from tests.cli.test_auditing import opened
from tests.databases import config_for
from tests.ledger.conftest import fill

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def now(config: Config) -> int:
    """The end of a history; nothing is open when it is told."""
    with opened(config) as database:
        return fill(database)


def pids(several: Auditors) -> list[int]:
    return [process.pid or 0 for process in several._processes.values()]


def test_all_parts_are_checked_and_every_row_is_told(config: Config, now: int) -> None:
    done: list[int] = []
    with (
        auditors.auditors(3, config, now) as several,
        opened(config) as database,
        database.sharing(several.join) as shared,
    ):
        size = ledger.audit_size(shared)
        report = several.check(ledger.audit_parts(shared), done.append)
        whole = ledger.audit(shared, now=now)
    assert report == whole
    assert sum(done) == size


def test_they_are_gone_after_the_block_however_it_ends(config: Config, now: int) -> None:
    seen: list[int] = []

    def interrupted() -> None:
        with auditors.auditors(2, config, now) as several:
            seen.extend(pids(several))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for pid in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_ctrl_c_is_not_for_them(config: Config, now: int) -> None:
    with auditors.auditors(2, config, now) as several:
        for pid in pids(several):
            os.kill(pid, signal.SIGINT)
        with opened(config) as database, database.sharing(several.join) as shared:
            assert several.check(ledger.audit_parts(shared), lambda _: None).clean


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", ["join", "check"])
def test_one_that_is_gone_is_told(config: Config, now: int, step: str) -> None:
    with auditors.auditors(2, config, now) as several:
        if step == "check":
            several.join("now")
        for pid in pids(several)[:1]:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(AuditorError, match="ended by signal 9"):
            several.join("now") if step == "join" else several.check(
                [ledger.Part("tariffs"), ledger.Part("accounts")], lambda _: None
            )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_they_end_where_nobody_asks_any_more(config: Config, now: int) -> None:
    with auditors.auditors(2, config, now) as several:
        several.join("now")
        for pipe, process in several._processes.items():
            pipe.close()
            process.join(5)
            assert process.exitcode == 0


def test_what_cannot_connect_says_why(config: Config) -> None:
    gone = config_for("sqlite:////nowhere/portal.db", config.root)
    with pytest.raises(AuditorError, match="unable to open"), auditors.auditors(2, gone, 1):
        pass
