"""portal/cli/__init__.py: every group of commands hangs on the application and tells its use."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from flask import Flask

from portal import cli
from portal.config import ROOT
from tests.cli.conftest import Operate
from tests.databases import config_for
from tests.serving import environment_of

CONTEXT = click.Context(click.Command("flask"))
SERVE = """
import sys, wsgi
print(*(name for name in sys.modules if name.startswith(("portal.cli.", "alembic", "tqdm"))))
"""


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_group_tells_its_use(operate: Operate, name: str) -> None:
    done = operate(name, "--help")
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 3
    assert f" {name} [OPTIONS]" in done.output.partition("\n")[0]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_all_of_them_are_listed(operate: Operate) -> None:
    told = operate("--help").output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in told if not line.startswith("   ")] == sorted(cli.COMMANDS)
    assert "No such command 'nope'" in operate("nope").output


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_each_is_found_by_its_own_name_and_so_is_what_hangs_beside_them(operated: Flask) -> None:
    operated.cli.add_command(click.Command("beside"))
    names = operated.cli.list_commands(CONTEXT)
    assert names == sorted([*cli.COMMANDS, "beside"])
    found = [operated.cli.get_command(CONTEXT, name) for name in names]
    assert [each and each.name for each in found] == names


def test_who_serves_loads_none_of_them() -> None:
    environment = environment_of(config_for("sqlite:///nowhere.db", ROOT))
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout == b"\n"
