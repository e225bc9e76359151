"""The credit rules document: current, reproducible, and true to the engine it describes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal import pricing
from portal.cli import rules as module
from portal.cli.documents import first_difference
from portal.cli.rules import render_rules, rules
from portal.ledger import caps, holds

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / module.DOCUMENT


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rules, arguments)


def document() -> str:
    return render_rules(pricing.shipped_tariff())


def test_the_committed_document_is_current() -> None:
    found = COMMITTED.read_bytes().decode("utf-8")
    assert found == document(), "stale: run `flask rules`"


def test_the_same_tariff_gives_the_same_text() -> None:
    assert document() == document()
    assert "$" not in document(), "a place of the template was left open"


def test_another_price_makes_another_document() -> None:
    text = pricing.shipped_tariff().document.replace("numerator = 500", "numerator = 501")
    changed = render_rules(pricing.parse_tariff(text, "changed.toml"))
    assert "| `clone` | 3 voices | 3 voices × 501 credits per voice = 1,503 credits" in changed


def test_every_price_plan_outcome_and_reason_appears() -> None:
    tariff, text = pricing.shipped_tariff(), document()
    for operation in tariff.operations.values():
        assert f"| `{operation.name}` | {operation.title} |" in text
    for tier in tariff.tiers.values():
        assert f"| {tier.title} (`{tier.name}`) | {tier.allocation:,} |" in text
    for outcome in pricing.OUTCOMES:
        assert f"| {outcome.title} |" in text
    for code in (*pricing.REFUND_REASONS, *pricing.RELEASE_REASONS):
        assert f"`{code}`" in text
    assert tariff.sha256 in text
    assert f"`{pricing.COUNTER}`" in text


def test_every_worked_example_is_what_quote_says() -> None:
    tariff = pricing.shipped_tariff()
    found = re.findall(
        r"^\| `([a-z.]+)` \| ([\d,]+) \w+ \| .* \| \*\*([\d,]+)\*\* \|$", document(), re.M
    )
    assert len(found) == 2 * len(tariff.operations)
    for operation, quantity, credits in found:
        quoted = pricing.quote(tariff, operation, int(quantity.replace(",", "")))
        assert f"{quoted.credits:,}" == credits


def test_the_document_says_what_the_engine_does() -> None:
    text = " ".join(document().split())
    assert holds.TTL_MAX == 24 * 3_600
    assert "by at most 24 hours at a time" in text
    assert holds.LATE_CAPTURE == pricing.LATE_CAPTURE_SECONDS * 1_000_000
    assert set(holds.RELEASES) == set(pricing.RELEASE_REASONS)
    assert f"at most {caps.LATE_DAYS} days" in text


def test_every_table_has_rows_of_one_width() -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", document(), re.M)
    assert len(tables) == 11
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_it_writes_the_document(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "rules.md"
    result = run("--output", str(path))
    assert (result.exit_code, result.output) == (0, f"{path}: written from tariff 2026-01\n")
    assert path.read_bytes().decode() == document()
    assert run("--check", "--output", str(path)).output == f"{path}: current\n"


def test_it_prints_the_document() -> None:
    assert run("--output", "-").output == document()


def test_check_names_the_first_stale_line_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rules.md"
    stale = document().replace("# Credit rules\n", "# Old rules\n")
    path.write_text(stale, encoding="utf-8")
    result = run("--check", "--output", str(path))
    assert result.exit_code == 1
    assert result.output == f"Error: {path}: stale from line 3; write it: flask rules\n"
    assert path.read_text(encoding="utf-8") == stale


@pytest.mark.parametrize("found", [None, b"\xff"])
def test_check_fails_without_a_readable_document(tmp_path: Path, found: bytes | None) -> None:
    path = tmp_path / "rules.md"
    if found is not None:
        path.write_bytes(found)
    result = run("--check", "--output", str(path))
    assert result.exit_code == 1
    assert "cannot be read" in result.output


def test_it_takes_another_tariff(tmp_path: Path) -> None:
    source = tmp_path / "new.toml"
    text = pricing.shipped_tariff().document.replace('"2026-01"', '"2027-01"')
    source.write_text(text, encoding="utf-8")
    assert "Tariff **2027-01**" in run("--tariff", str(source), "--output", "-").output


def test_a_broken_tariff_is_told_and_not_traced(tmp_path: Path) -> None:
    source = tmp_path / "bad.toml"
    source.write_text("name = 3\n", encoding="utf-8")
    result = run("--tariff", str(source), "--output", "-")
    assert result.exit_code == 1
    assert f"Error: {source}: name: must be" in result.output


def test_a_tariff_too_dear_for_its_examples_is_told(tmp_path: Path) -> None:
    source = tmp_path / "dear.toml"
    text = pricing.shipped_tariff().document.replace("= 500,", "= 1_000_000_000_000,")
    source.write_text(text, encoding="utf-8")
    result = run("--tariff", str(source), "--output", "-")
    assert (result.exit_code, "more than 1000000000000" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("found", "text", "line"),
    [("a\nb", "a\nc", 2), ("", "a", 1), ("a", "a\nb", 2), ("a\nb\n", "a\nb", 3)],
)
def test_the_first_difference(found: str, text: str, line: int) -> None:
    assert first_difference(found, text) == line


def test_a_tariff_of_one_plan_has_no_upgrades() -> None:
    tariff = pricing.shipped_tariff()
    alone = replace(tariff, tiers={"free": tariff.tiers["free"]})
    assert "Free →" not in render_rules(alone)
