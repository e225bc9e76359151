"""`flask ledger audit` and `flask ledger show`."""

import json
import re
from collections.abc import Iterator

import pytest

from portal import cli, ledger
from portal.cli.ledger import counted, ledger_commands, say
from portal.config import Config
from portal.database import Database
from tests.cli.operating import NOW, run
from tests.databases import Databases
from tests.forgery import Forger, forging
from tests.ledger.conftest import fill
from tests.ledger.histories import MICROSECONDS, TARIFFS, Teller, place


@pytest.fixture
def now(database: Database) -> int:
    """The instant at the end of a history."""
    return fill(database)


@pytest.fixture
def forger(now: int, config: Config, databases: Databases) -> Iterator[Forger]:
    with forging(config, databases) as forger:
        yield forger


def test_the_commands_are_the_portals_own() -> None:
    assert ledger_commands in vars(cli)["ledger"].__dict__.values()
    assert set(ledger_commands.commands) == {"audit", "show"}


def test_a_clean_ledger_exits_0_with_what_was_read(config: Config, now: int) -> None:
    result = run(config, "audit")
    assert result.exit_code == 0
    assert result.stdout.startswith("audited 3 accounts, ")
    assert result.stdout.endswith(", 1 tariff: no difference\n")


def test_rows_are_counted_in_words() -> None:
    assert [counted("entries", count) for count in (1, 0, 1_204)] == [
        "1 entry",
        "0 entries",
        "1,204 entries",
    ]


def test_without_a_terminal_no_progress_bar_runs(config: Config, now: int) -> None:
    result = run(config, "audit", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["clean"] is True


def test_a_difference_exits_2_and_names_account_and_seq(config: Config, forger: Forger) -> None:
    entry = next(row for row in forger.rows("entries") if row["seq"] == 4)
    forger.update("entries", entry, note="x")
    result = run(config, "audit")
    assert result.exit_code == 2
    assert f"account ada seq 4: {entry['id']}: hash: expected " in result.stdout
    assert "DIFFERENCES: 1" in result.stdout
    report = json.loads(run(config, "audit", "--json").stdout)
    assert report["found"] == 1
    assert [(each["account"], each["seq"]) for each in report["differences"]] == [("ada", 4)]


def test_a_tariff_is_named_without_an_account(config: Config, forger: Forger) -> None:
    row = forger.rows("tariffs")[0]
    forger.update("tariffs", row, published_by="mallory@example.com")
    result = run(config, "audit")
    assert result.exit_code == 2
    assert result.stdout.startswith(f"tariff {TARIFFS[0].name}: hash: expected ")


def test_one_account_is_audited_alone_and_an_unknown_one_refused(config: Config, now: int) -> None:
    assert "audited 1 account, " in run(config, "audit", "--account", "bob").stdout
    result = run(config, "audit", "--account", "nobody")
    assert result.exit_code == 1
    assert "There is no account nobody." in result.stderr


def test_an_empty_ledger_says_so(config: Config) -> None:
    assert run(config, "audit").stdout == "audited nothing: no difference\n"


def test_more_differences_than_are_kept_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    one = ledger.Difference("ada", 1, "hash", "a", "b", "ent_1")
    say(ledger.Report({"entries": 5}, (one,), 7, (), 0))
    assert "… and 6 more\naudited 5 entries: DIFFERENCES: 7\n" in capsys.readouterr().out


def test_an_open_hold_that_ran_out_is_a_note(config: Config, database: Database) -> None:
    with database.writing() as connection:
        ledger.publish_tariff(connection, TARIFFS[0], now=1, published_by="olga@example.com")
        teller = Teller(connection)
        teller.ask(ledger.PutAccount, account_id="ada", name="Ada", tier="pro")
        hold_id = place(teller, 1, 70)
    result = run(config, "audit", now=teller.now + 900 * MICROSECONDS)
    assert result.exit_code == 0
    assert f"note: {hold_id} of account ada (seq 2) ran out at 2026-01-10T12:15:02" in result.stdout


def test_it_shows_how_an_account_stands(config: Config, database: Database) -> None:
    with database.writing() as connection:
        teller = Teller(connection)
        teller.ask(ledger.PutAccount, account_id="ada", name="Ada", tier="pro")
        hold_id = place(teller, 1, 70)
    text = run(config, "show", "ada").stdout
    assert "name             Ada\n" in text
    assert "next_tier        -\n" in text
    assert "available        99930\n" in text
    assert "created_at       2026-01-10T12:00:01.000000Z\n" in text
    assert f"  {hold_id}  generate       70         0  2026-01-10T12:15:02.000000Z  job-1" in text
    assert "    2  2026-01-10T12:00:02.000000Z  hold   placed            0           70" in text
    assert "pinned" not in text
    assert re.search(r"id +origin +remaining +held +amount +expires_at\n", text)
    found = json.loads(run(config, "show", "ada", "--json").stdout)
    assert found["account"]["posted"] == 100_000
    assert len(found["account"]["head_hash"]) == 64
    assert [each["id"] for each in found["holds"]] == [hold_id]
    assert [each["origin"] for each in found["grants"]] == ["allocation"]
    assert [each["seq"] for each in found["entries"]] == [2, 1]


def test_what_an_account_has_not_is_said(config: Config, now: int) -> None:
    text = run(config, "show", "cy", now=NOW).stdout
    assert "\nholds: none\n" in text
    result = run(config, "show", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no account nobody." in result.stderr
