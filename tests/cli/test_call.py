"""`flask call` against a served portal: what it shows, where its key comes from, how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from portal import create_app
from portal.cli.demo.sheet import Login, Sheet, SigningKey, write_sheet
from portal.config import Config
from tests.client.conftest import opened
from tests.client.portals import (
    POSTED,
    Real,
    Scripted,
    hangs_up,
    problem,
    real,
    refuses,
    says,
)
from tests.databases import DIALECTS, Databases
from tests.house.tree import ROOT

Call = Callable[..., Result]


@pytest.fixture(scope="module", params=DIALECTS)
def portal(
    request: pytest.FixtureRequest,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("served")
    with databases.fresh(str(request.param)) as config, real(config, folder) as served:
        yield served


@pytest.fixture
def account(portal: Real) -> str:
    with portal.credits() as credits:
        return opened(credits)


def runner(root: Path, environment: dict[str, str]) -> Call:
    """Runs `flask call …` in a checkout of its own, with an environment."""
    app = create_app(Config.from_environment({}, root=root))

    def run(*words: str) -> Result:
        return app.test_cli_runner().invoke(args=["call", *words], env=environment)

    return run


def environment_of(portal: Real) -> dict[str, str]:
    return {
        "PORTAL_CLIENT_URL": f"http://{portal.authority}",
        "PORTAL_CLIENT_KID": portal.kid,
        "PORTAL_CLIENT_SECRET": portal.secret,
    }


@pytest.fixture
def call(portal: Real, tmp_path: Path) -> Call:
    return runner(tmp_path, environment_of(portal))


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_debits_and_refunds(call: Call, account: str) -> None:
    asked = ("--account", account, "--operation", "generate", "--reference", "job-1")
    made = shown(call("debit", *asked, "--quantity", "12"))
    assert made["entry"]["amount"] == -12
    assert made["entry"]["reference"] == {"type": "task", "id": "job-1"}
    assert made["entry"]["recorded_at"].endswith("Z")
    again = shown(call("debit", *asked, "--quantity", "12", "--key", made["key"]))
    assert again["replayed"] is True
    assert again["entry"] == made["entry"]
    part = shown(call("refund", made["entry"]["id"], "--reason", "partial", "--credits", "5"))
    assert part["entry"]["amount"] == 5
    assert shown(call("refund", made["entry"]["id"], "--reason", "failed"))["entry"]["amount"] == 7


def test_it_holds_and_ends_holds(call: Call, account: str) -> None:
    asked = ("--account", account, "--text", "x" * 40)
    first, second = (shown(call("hold", *asked))["hold"]["id"] for _ in range(2))
    assert shown(call("balance", "--account", account))["held"] == 80
    assert shown(call("capture", first, "--credits", "10", "--part"))["hold"]["captured"] == 10
    longer = shown(call("extend", first, "--ttl-seconds", "600", "--quantity", "50"))
    assert longer["hold"]["amount"] == 50
    assert shown(call("capture", first))["hold"]["captured"] == 50
    released = shown(call("release", second, "--reason", "cancelled"))
    assert released["hold"]["status"] == "released"
    assert shown(call("balance", "--account", account))["held"] == 0


def test_it_quotes_and_honours(call: Call, account: str) -> None:
    quote = shown(call("quote", "--account", account, "--quantity", "90"))
    assert (quote["credits"], quote["sufficient"]) == (90, True)
    made = shown(call("debit", "--account", account, "--quantity", "90", "--quote", quote["id"]))
    assert made["entry"]["amount"] == -90
    assert made["entry"]["reference"]["id"].startswith("call-")


@pytest.mark.parametrize("command", ["debit", "hold"])
def test_a_key_alone_is_enough_to_ask_again(call: Call, account: str, command: str) -> None:
    words = (command, "--account", account, "--quantity", "9", "--key", f"once-and-again-{command}")
    first, again = shown(call(*words)), shown(call(*words))
    assert first.pop("replayed", None) in (False, None)
    assert again.pop("replayed", None) in (True, None)
    assert first == again


def test_it_does_a_file_of_commands(call: Call, account: str, tmp_path: Path) -> None:
    asked = {"command": "debit", "account": account, "operation": "generate"}
    commands = [
        {**asked, "quantity": 12, "reference": "job-1", "idempotency_key": "the-key-of-job-1"},
        {**asked, "quantity": 990, "reference": {"type": "generation", "id": "g-1"}},
    ]
    file = tmp_path / "commands.json"
    file.write_text(json.dumps(commands))
    result = call("batch", str(file))
    done, refused = json.loads(result.stdout)
    assert (done["entry"]["amount"], done["key"]) == (-12, "the-key-of-job-1")
    assert refused["problem"]["code"] == "insufficient_credits"
    assert refused["key"].startswith("key-")
    assert (result.exit_code, result.stderr) == (1, "Error: 1 of 2 commands was refused\n")
    file.write_text(json.dumps(commands[:1]))
    assert shown(call("batch", str(file)))[0]["replayed"] is True
    file.write_text(json.dumps(commands))
    result = call("batch", str(file), "--atomic")
    assert (result.exit_code, json.loads(result.stdout)["index"]) == (1, 1)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ("{}", "not a list, but an object."),
        ("[7]", "commands.0 is not an object"),
        ("[{}]", "commands.0.command must be one of debit, "),
        ("[\n  no JSON", "not JSON at line 2, column 3: Expecting value."),
    ],
)
def test_what_is_no_list_of_commands_is_told_and_not_sent(
    tmp_path: Path, odd: str, told: str
) -> None:
    environment = {
        "PORTAL_CLIENT_URL": "http://127.0.0.1:9",
        "PORTAL_CLIENT_KID": "tts-202611a",
        "PORTAL_CLIENT_SECRET": "csk_0123456789abcdef",
    }
    app = create_app(Config.from_environment({}, root=tmp_path))
    ask = app.test_cli_runner().invoke
    result = ask(args=["call", "batch", "-"], env=environment, input=odd)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: Invalid value for FILE: " in result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_it_reads(call: Call, account: str) -> None:
    key = shown(call("debit", "--account", account, "--quantity", "3"))["key"]
    found = shown(call("entries", "--account", account, "--newest", "1"))
    assert [entry["amount"] for entry in found] == [-3]
    terms = shown(call("account", "--account", account))
    assert (terms["tier"], terms["period_end"][-1]) == ("free", "Z")
    before = shown(call("balance", "--account", account, "--as-of", "1"))
    assert before["posted"] == shown(call("balance", "--account", account))["posted"] + 3
    assert shown(call("outcome", key))["status"] == 201
    assert shown(call("outcome", "a-key-nobody-has-used")) is None


def test_a_refusal_is_shown_with_its_numbers(call: Call, account: str) -> None:
    call("debit", "--account", account, "--quantity", "1000")
    result = call("debit", "--account", account, "--quantity", "7")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["shortfall"] == 7
    assert result.stderr.startswith("Error: insufficient_credits:")


@pytest.mark.parametrize(
    "words",
    [
        ("debit", "--account", "acme"),
        ("debit", "--account", "acme", "--quantity", "1", "--text", "a"),
        ("debit", "--account", "acme", "--quantity", "1", "--key", "short"),
        ("capture", "../x", "--credits", "1"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_told_in_a_sentence(call: Call, words: tuple[str, ...]) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_options_go_before_the_environment(portal: Real, account: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(portal.secret + "\n")
    wrong = {**environment_of(portal), "PORTAL_CLIENT_SECRET": "csk_of-another-portal"}
    call = runner(tmp_path, wrong)
    assert call("balance", "--account", account).exit_code == 1
    assert shown(call("balance", "--account", account, "--secret-file", str(file)))
    bare = runner(tmp_path, {})
    where = ("--url", f"http://{portal.authority}", "--kid", portal.kid)
    found = bare("balance", "--account", account, *where, "--secret-file", str(file))
    assert shown(found)["account"] == account


def test_where_nothing_is_said_it_asks_the_demo(portal: Real, account: str, tmp_path: Path) -> None:
    call = runner(tmp_path, {})
    missing = call("balance", "--account", account)
    assert (missing.exit_code, "make run" in missing.stderr) == (2, True)
    key = SigningKey(portal.kid, portal.secret, portal.authority)
    people = (Login("a@example.com", "-", "owner", account),)
    write_sheet(tmp_path / "var", Sheet(f"http://{portal.authority}", people, key, (account,)))
    assert shown(call("balance", "--account", account))["account"] == account


def test_the_help_says_what_the_demo_is_that_is_asked_without_any_setting(tmp_path: Path) -> None:
    call = runner(tmp_path, {})
    for words in ((), ("balance",)):
        told = " ".join(call(*words, "--help").stdout.split())
        assert "If no option and no PORTAL_CLIENT_… names a portal or a key, the demo is" in told
        assert "`make run` serves on this machine, with its key from var/demo.json." in told


def test_half_a_setting_is_told_and_never_filled_in_by_the_demo(tmp_path: Path) -> None:
    result = runner(tmp_path, {"PORTAL_CLIENT_KID": "tts-202611a"})("balance", "--account", "a")
    assert result.exit_code == 2
    assert "PORTAL_CLIENT_URL is missing" in result.stderr
    assert "PORTAL_CLIENT_SECRET is missing" in result.stderr


def keyed(portal: Scripted) -> dict[str, str]:
    """The settings by which a portal is asked with some key."""
    return {
        "PORTAL_CLIENT_URL": portal.url,
        "PORTAL_CLIENT_KID": "tts-202611a",
        "PORTAL_CLIENT_SECRET": "csk_0123456789abcdef",
    }


def test_an_unknown_outcome_names_the_key_to_repeat(tmp_path: Path) -> None:
    with Scripted([hangs_up]) as silent:
        call = runner(tmp_path, keyed(silent))
        asked = ("--account", "a", "--quantity", "1", "--deadline", "1")
        result = call("debit", *asked, "--key", "the-key-of-the-job")
        assert result.exit_code == 3
        assert "--key the-key-of-the-job" in result.stderr
        silent.steps[:] = [refuses("in_progress", 409, retryable=True)]
        assert call("debit", *asked).exit_code == 1
        silent.steps[:] = [hangs_up]
        assert call("balance", "--account", "a", "--deadline", "1").exit_code == 1


@pytest.mark.parametrize("deadline", ["0", "-1", "1e999", "nan", "soon"])
def test_a_deadline_that_leaves_no_time_is_refused_and_nothing_is_sent(
    tmp_path: Path, deadline: str
) -> None:
    with Scripted([hangs_up]) as portal:
        call = runner(tmp_path, keyed(portal))
        result = call("balance", "--account", "a", "--deadline", deadline)
        assert (result.exit_code, portal.bodies) == (2, [])
        assert "deadline" in result.stderr


def test_an_unknown_outcome_of_a_batch_shows_its_commands_to_repeat(tmp_path: Path) -> None:
    file = tmp_path / "commands.json"
    asked = {"command": "debit", "account": "a", "operation": "generate", "quantity": 1}
    file.write_text(json.dumps([{**asked, "reference": "job-1"}, {**asked, "reference": "job-2"}]))
    with Scripted([hangs_up]) as silent:
        call = runner(tmp_path, keyed(silent))
        result = call("batch", str(file), "--deadline", "1")
        assert result.exit_code == 3
        assert "as they are shown" in result.stderr
        assert "--key" not in result.stderr
        sent = [json.loads(body)["commands"] for body in silent.bodies]
        assert sent[0] == json.loads(result.stdout)
        file.write_text(result.stdout)
        assert call("batch", str(file), "--deadline", "1").exit_code == 3
        assert json.loads(silent.bodies[-1])["commands"] == sent[0]


@pytest.mark.parametrize(
    ("odd", "exits", "told"),
    [
        (problem("hold_expired", 409), 1, "Error: 2 of 3 commands were refused\n"),
        (
            problem("storage_unavailable", 503, retryable=True), 3,
            "Error: The outcome of 1 of 3 commands is unknown, and 1 was refused. Repeat what is"
            " unknown, each with its key\n",
        ),
    ],
)  # fmt: skip
def test_a_batch_exits_by_the_worst_that_became_of_a_command(
    tmp_path: Path, odd: dict[str, Any], exits: int, told: str
) -> None:
    done = {"status": 201, "body": POSTED, "replayed": False}
    refused = {"status": 402, "body": problem("insufficient_credits", 402), "replayed": False}
    results = [done, refused, {"status": odd["status"], "body": odd, "replayed": False}]
    command = {"command": "refund", "entry": "ent_1", "reason": "failed"}
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([command] * 3))
    with Scripted([says(201, {"results": results})]) as portal:
        result = runner(tmp_path, keyed(portal))("batch", str(file))
    assert (result.exit_code, result.stderr) == (exits, told)
    found = json.loads(result.stdout)
    assert [each["problem"]["code"] for each in found[1:]] == ["insufficient_credits", odd["code"]]


def test_the_help_says_what_it_exits_with(tmp_path: Path) -> None:
    call = runner(tmp_path, {})
    told = " ".join(call("--help").stdout.split())
    for sentence in ("0: all was done", "1: refused", "2: asked wrongly", "3: nobody knows"):
        assert sentence in told
    told = " ".join(call("batch", "--help").stdout.split())
    assert "Exits with 0 only if all were done" in told


def test_the_portal_itself_lets_the_settings_of_its_client_be(portal: Real, account: str) -> None:
    """Run as anybody would run it: the portal's own settings are read in the same process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "call", "balance", "--account", account],
        cwd=ROOT,
        env=clean
        | environment_of(portal)
        | {"PORTAL_SECRET_KEY": "of-this-test-alone-0123456789-abcdef"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"] == account


def test_secrets_are_never_given_on_the_command_line(call: Call) -> None:
    assert "--secret " not in call("debit", "--help").output
