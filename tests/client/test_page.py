"""docs/client.md, run as it stands, on a served portal."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from portal import client, create_app
from portal.cli.demo.sheet import Sheet, SigningKey, write_sheet
from portal.client import Credits
from portal.client.settings import NAMES, PREFIX
from portal.config import Config
from tests.client.portals import Real
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "client.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_example_does_what_it_says(
    portal: Real, credits: Credits, monkeypatch: pytest.MonkeyPatch
) -> None:
    credits.open_account("acme", "Acme Ltd", "pro")
    monkeypatch.setenv(f"{PREFIX}URL", f"http://{portal.authority}")
    monkeypatch.setenv(f"{PREFIX}KID", portal.kid)
    monkeypatch.setenv(f"{PREFIX}SECRET", portal.secret)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block, names)  # noqa: S102 - it is our own page
    names["credits"].close()
    charged = {
        entry.reference.id: entry.amount
        for entry in credits.entries("acme", kind=["debit", "capture"])
        if entry.reference is not None
    }
    assert charged["job-1"] == -10
    assert charged["job-2"] == -18
    assert charged["job-3"] == -250
    assert "job-4" not in charged
    assert charged["job-5"] == -100  # the last of five parts
    assert (charged["job-6"], charged["job-7"], charged["job-8"]) == (-80, -1204, -5)
    assert (charged["job-9"], "job-10" in charged) == (-12, False)
    assert credits.balance("acme").held == 0
    assert len(BLOCKS) == 11


def test_it_says_which_calls_take_no_deadline() -> None:
    [told] = re.findall(r"The reads \(([^)]+)\)\stake none", PAGE)
    calls = dict(inspect.getmembers(Credits, inspect.isfunction))
    without = {
        name
        for name, call in calls.items()
        if not name.startswith("_") and "deadline" not in inspect.signature(call).parameters
    }
    assert {*re.findall(r"`(\w+)`", told)} == without - {"close"}


def test_its_commands_run_on_the_demo(portal: Real, credits: Credits, tmp_path: Path) -> None:
    credits.open_account("northwind", "Northwind", "pro")
    key = SigningKey(portal.kid, portal.secret, portal.authority)
    write_sheet(tmp_path / "var", Sheet(f"http://{portal.authority}", (), key, ("northwind",)))
    runner = create_app(Config.from_environment({}, root=tmp_path)).test_cli_runner()
    shown: dict[str, Any] = {}
    commands = re.findall(r"^    \.venv/bin/flask --app wsgi (call .+)$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        words = re.findall(r'"[^"]*"|\S+', command)
        hold = shown.get("hold") or {}
        words = [hold["id"] if word == "HOLD" else word.strip('"') for word in words]
        result = runner.invoke(args=words)
        assert result.exit_code == 0, result.output
        shown = json.loads(result.stdout)
    assert shown["account"] == "northwind"
    assert shown["held"] == 0


def test_every_setting_and_error_that_it_names_is_there() -> None:
    assert set(re.findall(r"^\| `PORTAL_CLIENT_(\w+)`", PAGE, re.MULTILINE)) == set(NAMES)
    named = set(re.findall(r"`(\w+Error)`", PAGE)) - {"TimeoutError"}
    assert named
    assert named <= set(client.__all__)
