"""The sheet is for its owner alone, and can be read back."""

import json
from pathlib import Path

import pytest

from portal.cli.demo.sheet import Login, Sheet, SigningKey, find_sheet, write_sheet

SHEET = Sheet(
    "http://127.0.0.1:8000",
    (
        Login("a@x.example", "a password", "customer", "acme"),
        Login("b@x.example", "p", "admin", None),
    ),
    SigningKey("studio-202611a", "csk_x", "127.0.0.1:8000"),
    ("acme",),
)  # fmt: skip


def test_it_says_what_was_promised(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "var", SHEET)
    assert path == tmp_path / "var" / "demo.json"
    assert json.loads(path.read_text()) == {
        "url": "http://127.0.0.1:8000",
        "people": [
            {"email": "a@x.example", "password": "a password", "role": "customer",
             "account": "acme"},
            {"email": "b@x.example", "password": "p", "role": "admin", "account": None},
        ],
        "service_key": {
            "kid": "studio-202611a", "secret": "csk_x", "authority": "127.0.0.1:8000",
        },
        "accounts": ["acme"],
        "studio_url": None,
    }  # fmt: skip


def test_it_is_for_its_owner_alone_also_where_it_was_not(tmp_path: Path) -> None:
    old = tmp_path / "demo.json"
    old.write_text("{}")
    old.chmod(0o644)
    path = write_sheet(tmp_path, SHEET)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["demo.json"]


def test_it_is_read_back(tmp_path: Path) -> None:
    for sheet in (SHEET, SHEET._replace(studio_url="http://127.0.0.1:8001")):
        write_sheet(tmp_path, sheet)
        assert find_sheet(tmp_path) == sheet


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"url": 1}', '{"url":"","people":[{}]}'])
def test_what_is_no_sheet_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "demo.json").write_text(text)
    assert find_sheet(tmp_path) is None
