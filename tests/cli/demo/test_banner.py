"""What a newcomer is told: where it is, who may sign in, what to paste."""

import shlex
import sys
from pathlib import Path

import pytest

from portal.cli.demo.banner import PLOTS, banner, pasted
from portal.cli.demo.cast import ADMIN, CUSTOMERS
from portal.cli.demo.people import logins
from tests.cli.demo.test_sheet import SHEET

EVERYONE = SHEET._replace(people=logins("k7fd-92mq-x3tb-ahe5"))


def test_it_names_address_logins_and_command(tmp_path: Path) -> None:
    text = banner(EVERYONE, tmp_path)
    assert "http://127.0.0.1:8000 " in text
    assert text.count("k7fd-92mq-x3tb-ahe5") == 1
    assert all(customer.email in text for customer in CUSTOMERS)
    assert ADMIN in text
    assert f"\n  {pasted(tmp_path)}\n" in text
    assert "var/demo.json" in text
    assert SHEET.service_key.secret not in text
    assert "half done" not in text
    with_studio = EVERYONE._replace(studio_url="http://127.0.0.1:8001")
    assert " http://127.0.0.1:8001\n" in banner(with_studio, tmp_path)


def test_each_customer_has_a_line_of_its_own() -> None:
    assert {*PLOTS} == {customer.account for customer in CUSTOMERS}
    assert len({*PLOTS.values()}) == 3


def test_the_command_can_be_pasted_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "it's here"
    monkeypatch.setattr(sys, "executable", str(root / ".venv" / "bin" / "python"))
    assert shlex.split(pasted(root)) == [
        "cd", str(root), "&&", ".venv/bin/flask", "--app", "wsgi", "demo", "debit",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "executable", "/opt/venv/bin/python")
    assert shlex.split(pasted(root))[3] == "/opt/venv/bin/flask"
