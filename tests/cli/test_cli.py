"""portal/cli/__init__.py: every group of commands hangs on the application and tells its use."""

from __future__ import annotations

import pytest

from portal import cli
from tests.cli.conftest import Operate

NAMES = [command.name or "" for command in cli.COMMANDS]


def test_no_two_groups_share_a_name() -> None:
    assert len(set(NAMES)) == len(NAMES) > 0


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_each_group_tells_its_use(operate: Operate, name: str) -> None:
    done = operate(name, "--help")
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 3
