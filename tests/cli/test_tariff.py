"""portal/cli/tariff.py: price lists are checked before they are published, and then for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from portal import ledger, pricing
from tests.cli.conftest import Operate
from tests.house.tree import ROOT

SHIPPED = ROOT / "portal" / "pricing" / "tariffs" / "2026-01.toml"


@pytest.fixture
def successor(tmp_path: Path) -> Path:
    """A price list that follows the shipped one."""
    text = SHIPPED.read_text()
    text = text.replace('name = "2026-01"', 'name = "2027-01"')
    text = text.replace("effective_at = 2026-01-01", "effective_at = 2027-01-01")
    path = tmp_path / "2027-01.toml"
    path.write_text(text)
    return path


def test_a_sound_document_is_told_in_short(operate: Operate) -> None:
    done = operate("tariff", "check", str(SHIPPED))
    assert done.exit_code == 0, done.output
    assert "tariff 2026-01, from 2026-01-01" in done.output
    assert "4 operations, 4 tiers" in done.output


def test_a_fault_names_file_key_and_rule(operate: Operate, successor: Path) -> None:
    successor.write_text(successor.read_text().replace("allocation = ", "alocation = ", 1))
    done = operate("tariff", "check", str(successor))
    assert done.exit_code == 1
    assert "2027-01.toml" in done.output
    assert "alocation" in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_not_there_is_told(operate: Operate) -> None:
    done = operate("tariff", "check", "nowhere.toml")
    assert done.exit_code == 2
    assert "nowhere.toml" in done.output


def test_what_is_published_is_listed_and_the_one_in_force_marked(
    operate: Operate, operated: Flask, successor: Path
) -> None:
    done = operate("tariff", "publish", str(successor), "--by", "olga")
    assert done.exit_code == 0, done.output
    sha256 = pricing.load_tariff(successor).sha256
    assert done.output == f"published 2027-01, sha256 {sha256}\n"
    lines = operate("tariff", "list").output.splitlines()
    assert [line[:9] for line in lines] == ["   tariff", "*  2026-0", "   2027-0"]
    assert lines[2].endswith(sha256)
    with operated.extensions["portal"].database.reading() as connection:
        assert [tariff.name for tariff in ledger.load_tariffs(connection)] == ["2026-01", "2027-01"]


def test_a_published_tariff_is_never_replaced(operate: Operate, successor: Path) -> None:
    assert operate("tariff", "publish", str(successor)).exit_code == 0
    successor.write_text(successor.read_text().replace("numerator = 1", "numerator = 2", 1))
    done = operate("tariff", "publish", str(successor))
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert len(operate("tariff", "list").output.splitlines()) == 1 + 2


@pytest.mark.parametrize(("second", "code"), [("07", 1), ("11", 1), ("12", 0)])
def test_a_tariff_is_known_everywhere_before_it_takes_effect(
    operate: Operate, successor: Path, second: str, code: int
) -> None:
    late = f"2026-11-23T09:41:{second}Z"
    successor.write_text(successor.read_text().replace("2027-01-01T00:00:00Z", late))
    done = operate("tariff", "publish", str(successor))
    assert done.exit_code == code, done.output
    assert ("must take effect at least 5 seconds from now" in done.output) is bool(code)
