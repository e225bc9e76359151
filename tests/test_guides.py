"""docs/integrating.md and docs/idempotency.md: their commands and examples, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from portal.client.settings import PREFIX
from portal.config import Config
from portal.internal.problems import TABLE
from tests.house.tree import ROOT
from tests.served import Caller, served
from tests.test_operations_guide import follow

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)

SERVICE = "python - <<'THE_SERVICE'\n%s\nTHE_SERVICE\n"


def blocks(page: str) -> list[tuple[str, str]]:
    """The blocks of a page in order, each with its language."""
    text = (ROOT / "docs" / page).read_text()
    found = BLOCK.findall(text)
    assert text.count("```") == 2 * len(found), "a block that is not run here"
    return found


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_from_a_key_to_the_first_capture(config: Config, tmp_path: Path) -> None:
    """One shell from the first line to the last, Python where the page says so."""
    lines = [text if kind == "sh" else SERVICE % text for kind, text in blocks("integrating.md")]
    assert len(lines) == 8
    with served(config, tmp_path) as caller:
        names = {"URL": caller.portal.url, "SECRETS": str(tmp_path)}
        told = follow("\n".join(lines), caller.portal.config, **names)
        entries = caller.call("GET", "/accounts/first-customer/entries").json["entries"]
        balance = caller.call("GET", "/accounts/first-customer/balance").json["balance"]
    taken = [(entry["kind"], entry["amount"], entry["reference"]["id"]) for entry in entries[:4]]
    assert taken == [
        ("capture", -13, "chapter-2"),
        ("hold", 0, "chapter-2"),
        ("capture", -10, "chapter-1"),
        ("hold", 0, "chapter-1"),
    ], told
    assert (balance["available"], balance["held"]) == (100_000 - 23, 0)
    assert f'"posted_after": {100_000 - 23}' in told


def test_one_key_is_one_charge(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(_, example)] = blocks("idempotency.md")
    with served(config, tmp_path) as caller:
        connect(caller, monkeypatch)
        names: dict[str, Any] = {}
        exec(example, names)  # noqa: S102 - it is our own page
        names["credits"].close()
        assert (names["first"], names["second"]) == ("charged", "charged before")
        assert names["outcome"].body["entry"]["amount"] == -12
        assert names["never"] is None


def test_the_table_of_what_is_bound_has_every_status() -> None:
    page = (ROOT / "docs" / "idempotency.md").read_text()
    rows = "".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))
    told = {int(status) for status in re.findall(r"\d{3}", rows)}
    assert {row.status for row in TABLE.values() if row.status < 500} | {201} == told
    assert "5xx" in rows


def connect(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service has in its environment."""
    monkeypatch.setenv(f"{PREFIX}URL", caller.portal.url)
    monkeypatch.setenv(f"{PREFIX}KID", caller.kid)
    monkeypatch.setenv(f"{PREFIX}SECRET", caller.secret)
