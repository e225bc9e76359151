"""Pages that a command writes: written, printed, compared."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from portal.cli import documents


@click.command()
@documents.options("docs/page.md")
def page(output: Path, check: bool) -> None:
    documents.write(output, "one\ntwo\n", check=check, command="page", source="nothing")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("one\ntwo\n", "current"),
        ("one\nthree\n", "stale from line 2; write it: flask page"),
        (None, "cannot be read"),
    ],
)
def test_check_compares_and_writes_nothing(tmp_path: Path, found: str | None, said: str) -> None:
    path = tmp_path / "page.md"
    if found is not None:
        path.write_text(found, "utf-8")
    result = CliRunner().invoke(page, ["--check", "--output", str(path)])
    assert said in result.output
    assert result.exit_code == (0 if said == "current" else 1)
    assert (path.read_text("utf-8") if path.exists() else None) == found


def test_it_writes_or_prints_the_page(tmp_path: Path) -> None:
    path = tmp_path / "below" / "page.md"
    assert "written from nothing" in CliRunner().invoke(page, ["--output", str(path)]).output
    assert path.read_text("utf-8") == "one\ntwo\n"
    assert CliRunner().invoke(page, ["--output", "-"]).output == "one\ntwo\n"
