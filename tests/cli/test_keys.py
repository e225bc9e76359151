"""`flask keys`: issue, list, revoke; the secret is shown once and kept nowhere."""

import json
from collections.abc import Iterator

import pytest
from click.testing import Result
from flask import Flask

from portal import signing
from portal.config import Config
from portal.internal.keys import SCOPES
from tests.internal.service import Clock, Service, opened


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    with opened(config, Clock()) as made:
        yield made


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["keys", *words])


def issued(app: Flask, *words: str) -> dict[str, object]:
    result = run(app, "issue", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_a_key_is_issued_and_signs(app: Flask, config: Config) -> None:
    key = issued(app, "voices", "--scopes", "account,debit")
    assert list(key) == [
        "kid", "service", "algorithm", "scopes", "operations", "max_units", "daily_units",
        "not_before", "not_after", "revoked_at", "created_at", "secret", "authority",
    ]  # fmt: skip
    assert (key["kid"], key["service"], key["scopes"]) == (
        "voices-202611a", "voices", ["debit", "account"],
    )  # fmt: skip
    assert key["not_after"] == "2027-02-20T13:52:00.250000Z"
    assert key["authority"] == config.authority
    assert key["secret"] == signing.derive_secret(config.secret_key, "voices-202611a")
    service = Service.of(app, Clock(), key)
    assert service.put("/accounts/acme", {"name": "Acme", "tier": "pro"}).status_code == 201
    assert service.debit(1).status_code == 201
    assert service.hold(1).json["code"] == "scope_denied"


def test_lines_say_the_same_and_warn_beside_them(app: Flask) -> None:
    result = run(app, "issue", "voices", "--scopes", "read")
    assert result.exit_code == 0
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert lines["kid"] == "voices-202611a"
    assert lines["secret"].startswith("csk_")
    assert "not shown again" in result.stderr


def test_terms_are_kept(app: Flask) -> None:
    words = ["--operations", "generate,design", "--max-units", "5", "--daily-units", "9"]
    key = issued(app, "voices", "--scopes", "all", "--days", "1", *words)
    assert key["scopes"] == list(SCOPES)
    assert key["operations"] == ["generate", "design"]
    assert (key["max_units"], key["daily_units"]) == (5, 9)
    assert key["not_after"] == "2026-11-23T13:52:00.250000Z"


@pytest.mark.parametrize(
    ("scopes", "read"),
    [
        ("debits,holds", ["debit", "hold"]),
        ("read debit", ["debit", "read"]),
        ("debit, debit", ["debit"]),
        ("all", list(SCOPES)),
    ],
)
def test_scopes_are_words_in_any_order(app: Flask, scopes: str, read: list[str]) -> None:
    assert issued(app, "voices", "--scopes", scopes)["scopes"] == read


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["voices", "--scopes", "mint"], "mint"),
        (["voices", "--scopes", ","], "--scopes"),
        (["voices"], "--scopes"),
        (["Voices!", "--scopes", "read"], "NAME"),
        (["voices", "--scopes", "read", "--operations", "Gen!"], "--operations"),
        (["voices", "--scopes", "read", "--max-units", "0"], "--max-units"),
        (["voices", "--scopes", "read", "--days", "0"], "--days"),
    ],
)
def test_other_terms_are_refused_by_name(app: Flask, words: list[str], named: str) -> None:
    result = run(app, "issue", *words)
    assert result.exit_code == 2
    assert named in result.stderr
    assert json.loads(run(app, "list", "--json").stdout) == []


def test_keys_are_listed_without_secrets(app: Flask) -> None:
    first = issued(app, "voices", "--scopes", "read")
    issued(app, "voices", "--scopes", "debit")
    issued(app, "billing", "--scopes", "grant")
    listed = run(app, "list", "--json")
    assert [key["kid"] for key in json.loads(listed.stdout)] == [
        "billing-202611a", "voices-202611a", "voices-202611b",
    ]  # fmt: skip
    lines = run(app, "list").stdout
    assert len(lines.splitlines()) == 3
    for text in (listed.stdout, lines):
        assert str(first["secret"]) not in text
        assert "csk_" not in text


def test_a_key_is_revoked_once(app: Flask) -> None:
    kid = str(issued(app, "voices", "--scopes", "read")["kid"])
    result = run(app, "revoke", kid, "--json")
    assert json.loads(result.stdout) == {"kid": kid, "revoked_at": "2026-11-22T13:52:00.250000Z"}
    again = run(app, "revoke", kid)
    assert again.exit_code == 1
    assert kid in again.stderr
    assert "revoked 2026-11-22" in run(app, "list").stdout
    assert run(app, "revoke", "nobody").exit_code == 1


def test_the_database_holds_no_secret(app: Flask) -> None:
    secret = str(issued(app, "voices", "--scopes", "all")["secret"])
    with app.extensions["portal"].database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM service_keys").all()
    assert secret not in repr(rows)
    assert secret[4:24] not in repr(rows)
