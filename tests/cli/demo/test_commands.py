"""`flask demo run`, from a checkout of its own, over real HTTP, until Ctrl-C."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from flask import Flask

from portal import create_app
from portal.cli.demo.commands import INTERRUPTED, environment_at, sentences
from portal.cli.demo.debit import Answer, send, signed_debit
from portal.cli.demo.sheet import Sheet, find_sheet, write_sheet
from portal.cli.serve import listen
from portal.client import Credits
from portal.clock import utc_now
from portal.config import Config
from portal.database import DatabaseError
from tests.cli.demo.conftest import Filled
from tests.house.tree import ROOT
from tests.serving import environment_of
from tests.stories.studios import Story, Studio

PARTS = ("portal", "migrations", "templates", "static")
MEMBERS = {
    "account": "mira",
    "operation": "generate",
    "quantity": 1,
    "reference": {"type": "generation", "id": "a-word"},
}


class Checkout(NamedTuple):
    """A copy of the project, with its own var/, on a port of its own and a chosen database."""

    root: Path
    port: int
    environment: dict[str, str]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `flask --app wsgi demo …` in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "demo", *words],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command that ends by itself."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    @property
    def sheet(self) -> Sheet:
        """What var/demo.json says."""
        found = find_sheet(self.root / "var")
        assert found is not None
        return found


@pytest.fixture
def checkout(config: Config, dialect: str, tmp_path: Path) -> Checkout:
    """On SQLite without any setting, as a newcomer has it; on PostgreSQL with its address."""
    root = tmp_path / "checkout"
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", root)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    named = {} if dialect == "sqlite" else environment_of(config)
    chosen = {name: value for name, value in named.items() if "DATABASE" in name}
    return Checkout(root, port, {**clean, **chosen, "PORT": str(port)})


@contextlib.contextmanager
def running(checkout: Checkout, *options: str) -> Iterator[list[str]]:
    """Run the demo until it answers; then Ctrl-C, and a clean end. Yields what it has said."""
    process = checkout.start("run", *options)
    said: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said.append(line)
            if "stands in var/demo.json" in line:
                break
        assert process.poll() is None, "".join(said)
        assert ask(checkout, "GET", "/login")[0] == 200
        yield said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        rest, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 130), "".join(said) + rest
    assert "Traceback" not in rest
    give_up = time.monotonic() + 10
    while is_alive(process.pid) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not is_alive(process.pid), "a process of the group is left"


def is_alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def ask(
    checkout: Checkout, method: str, path: str, body: str = "", cookie: str = ""
) -> tuple[int, http.client.HTTPMessage, str]:
    """One request: status, headers and text of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", checkout.port, timeout=30)
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def signed_in(checkout: Checkout, email: str, password: str) -> str:
    """The cookie of a person who has signed in by the form."""
    _, headers, page = ask(checkout, "GET", "/login")
    cookie = str(headers["Set-Cookie"]).partition(";")[0]
    hidden = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', page))
    form = urlencode({**hidden, "email": email, "password": password})
    status, headers, _ = ask(checkout, "POST", "/login", form, cookie)
    assert status == 303
    return str(headers["Set-Cookie"]).partition(";")[0]


def test_it_runs_takes_debits_and_ends_cleanly(checkout: Checkout) -> None:
    whole = "PORTAL_DATABASE_URL" not in checkout.environment
    with running(checkout, *(() if whole else ("--days", "9"))) as said:
        text, sheet = "".join(said), checkout.sheet
        assert sheet.url == f"http://127.0.0.1:{checkout.port}"
        assert all(login.email in text and login.password in text for login in sheet.people)
        assert (checkout.root / "var" / "demo.json").stat().st_mode & 0o777 == 0o600
        code, output = checkout.run("debit", "--account", "mira", "--quantity", "7")
        assert code == 0, output
        answer = json.loads(output.partition("\n{")[2].join(("{", "")))
        assert answer["entry"]["amount"] == -7
        assert f" {sheet.studio_url}\n" in text
        assert_the_studio_works(sheet, "mira")
        cookie = signed_in(checkout, sheet.people[2].email, sheet.people[2].password)
        status, headers, page = ask(checkout, "GET", "/ledger", cookie=cookie)
        assert (status, headers["Server"]) == (200, "portal")
        assert answer["entry"]["id"] in page
    with running(checkout):
        assert checkout.sheet._replace(studio_url=sheet.studio_url) == sheet
        again = send(signed_debit(sheet, MEMBERS, utc_now()))
        # Two of the studio's lie between.
        assert (again.status, again.members["entry"]["seq"]) == (201, answer["entry"]["seq"] + 3)


def assert_the_studio_works(sheet: Sheet, account: str) -> None:
    """It takes a job and is told the truth about its credits."""
    studio = Studio(str(sheet.studio_url).removeprefix("http://"))
    with Credits.to(sheet.url, sheet.service_key.kid, sheet.service_key.secret) as credits:
        page = Story(studio, credits, account).tell("failed", text="A word.")
    assert page.note.startswith("Set aside: 7 credits. Back at T: 7 credits, as the job failed.")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_ctrl_c_while_it_fills_ends_it_and_leaves_nothing(checkout: Checkout) -> None:
    process = checkout.start("run")
    database = checkout.root / "var" / "portal.db-wal"
    give_up = time.monotonic() + 30
    while not database.exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 130), output
    assert "Traceback" not in output
    assert not is_alive(process.pid)


def interrupted(then: Exception | None) -> None:
    """A Ctrl-C that somebody between swallows, as a driver does with what its callback raises."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    if then is not None:
        raise then


@pytest.mark.parametrize("then", [None, DatabaseError("not authorized")])
def test_ctrl_c_that_a_callback_swallowed_ends_it_all_the_same(then: Exception | None) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as ended, sentences():
        interrupted(then)
    assert ended.value.code == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before


def invoke(app: Flask, *words: str, **environment: str) -> Any:
    return app.test_cli_runner().invoke(args=["demo", *words], env=environment)


def test_it_can_be_filled_without_being_served(own: Filled) -> None:
    result = invoke(own.app, "fill")
    assert result.exit_code == 0, result.output
    assert "northwind, wanderlust, mira" in result.output


def test_a_debit_without_a_demo_is_told(empty: Flask) -> None:
    result = invoke(empty, "debit")
    assert (result.exit_code, result.stderr) == (
        1, "Error: There is no demo here; start one with: make run\n",
    )  # fmt: skip


def test_a_silent_portal_is_told_in_a_sentence(own: Filled) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        write_sheet(own.folder, own.sheet._replace(url=url))
        result = invoke(own.app, "debit")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: Nothing answers at {url}; ")
    assert result.stderr.count("\n") == 1


def test_a_refused_debit_is_shown_and_fails(own: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Answer(402, "Payment Required", {"code": "insufficient_credits"})
    monkeypatch.setattr("portal.cli.demo.commands.send", lambda request: refused)
    result = invoke(own.app, "debit", "--quantity", "999")
    assert result.exit_code == 1
    assert result.output.startswith("curl -i ")
    assert result.output.endswith('402 Payment Required\n{\n  "code": "insufficient_credits"\n}\n')


def test_a_busy_port_is_told_in_a_sentence_before_there_is_work(empty: Flask) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with listen(port):
        result = invoke(empty, "run", PORT=str(port))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: Port {port} on 127.0.0.1 is in use")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_told(empty: Flask, port: str) -> None:
    result = invoke(empty, "run", PORT=port)
    assert result.exit_code == 2
    assert "PORT" in result.stderr


@pytest.mark.parametrize("command", ["run", "fill"])
def test_others_accounts_are_told_in_a_sentence(empty: Flask, command: str) -> None:
    put = ["account", "put", "acme", "--name", "Acme", "--tier", "free"]
    assert empty.test_cli_runner().invoke(args=put).exit_code == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    result = invoke(empty, command, PORT=port)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: This database holds other accounts (acme)")


def test_a_database_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/portal"
    config = Config.from_environment({"PORTAL_DATABASE_URL": url}, root=tmp_path)
    result = invoke(create_app(config), "fill")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database cannot be used: ")
    assert result.stderr.count("\n") == 1


def test_the_public_address_fits_the_port_unless_it_is_named() -> None:
    fitting = environment_at({"HOME": "/root"}, 9_000)
    assert fitting == {
        "HOME": "/root",
        "PORTAL_PUBLIC_URL": "http://127.0.0.1:9000",
        "PORTAL_TRUSTED_HOSTS": "127.0.0.1,localhost",
    }
    named = {"PORTAL_PUBLIC_URL": "https://credits.example"}
    assert environment_at(named, 9_000) == named
    hosts = environment_at({"PORTAL_PUBLIC_URL": "", "PORTAL_TRUSTED_HOSTS": "box"}, 9_000)
    assert hosts["PORTAL_TRUSTED_HOSTS"] == "box"
