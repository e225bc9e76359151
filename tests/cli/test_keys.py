"""`flask keys`: issue, list, rotate, revoke; the secret is shown once and kept nowhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from portal import signing
from portal.config import Config
from portal.internal.keys import SCOPES
from portal.internal.uses import write_uses
from portal.signing import PrivateKey
from tests.internal.service import Clock, Service, debit_of, opened


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    with opened(config, Clock()) as made:
        yield made


def clock_of(app: Flask) -> Clock:
    clock: Clock = app.extensions["portal"].clock
    return clock


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
        "not_before", "not_after", "revoked_at", "created_at", "public_key", "caps", "secret",
        "authority",
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


def pair(folder: Path) -> tuple[str, str]:
    """A private key in PEM, and the file of its public one."""
    private = Ed25519PrivateKey.generate()
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    file = folder / f"{len(list(folder.iterdir()))}.pem"
    file.write_bytes(private.public_key().public_bytes(pem, public))
    made = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return made.decode(), str(file)


def test_a_service_hands_in_a_public_key_and_no_secret_is_made(app: Flask, tmp_path: Path) -> None:
    private, file = pair(tmp_path)
    key = issued(app, "voices", "--scopes", "account,debit", "--public-key", file)
    assert (key["algorithm"], "secret" in key) == ("ed25519", False)
    assert str(key["public_key"]) in Path(file).read_text()
    service = Service.of(app, Clock(), {**key, "secret": PrivateKey(private)})
    assert service.put("/accounts/acme", {"name": "Acme", "tier": "pro"}).status_code == 201
    assert service.debit(1).status_code == 201
    assert service.hold(1).json["code"] == "scope_denied"
    derived = signing.derive_secret(app.extensions["portal"].config.secret_key, str(key["kid"]))
    for secret in (derived, str(key["public_key"]), PrivateKey(pair(tmp_path)[0])):
        forged = Service.of(app, Clock(), {**key, "secret": secret})
        assert forged.get("/accounts/acme").status_code == 401
    lines = run(app, "list").stdout
    assert "voices-202611a" in lines
    told = run(app, "issue", "voices", "--scopes", "read", "--public-key", pair(tmp_path)[1])
    assert (told.exit_code, "secret" in told.stderr) == (0, False)


def test_a_public_key_is_rotated_and_revoked_like_a_secret(app: Flask, tmp_path: Path) -> None:
    pairs = [pair(tmp_path) for _ in range(2)]
    first = issued(app, "voices", "--scopes", "read", "--public-key", pairs[0][1])
    words = ["rotate", str(first["kid"]), "--overlap", "2", "--json"]
    refused = run(app, *words)
    assert (refused.exit_code, "--public-key" in refused.stderr) == (1, True)
    again = run(app, *words, "--public-key", pairs[0][1])
    assert (again.exit_code, "make another pair" in again.stderr) == (1, True)
    second = json.loads(run(app, *words, "--public-key", pairs[1][1]).stdout)
    assert (second["algorithm"], second["scopes"]) == ("ed25519", ["read"])
    both = [
        Service.of(app, clock_of(app), {**key, "secret": PrivateKey(private)})
        for key, (private, _) in zip((first, second), pairs, strict=True)
    ]
    assert [one.get("/accounts/acme").status_code for one in both] == [404, 404]
    clock_of(app).now += 2 * 3_600_000_000
    app.extensions.pop("service_keys")
    assert [one.get("/accounts/acme").status_code for one in both] == [401, 404]
    assert run(app, "revoke", second["kid"]).exit_code == 0
    app.extensions.pop("service_keys")
    assert both[1].get("/accounts/acme").status_code == 401
    revived = run(app, "issue", "voices", "--scopes", "read", "--public-key", pairs[1][1])
    assert (revived.exit_code, second["kid"] in revived.stderr) == (1, True)


def test_a_secret_is_followed_by_a_public_key(app: Flask, tmp_path: Path) -> None:
    first = issued(app, "voices", "--scopes", "read")
    words = ["rotate", str(first["kid"]), "--json", "--public-key", pair(tmp_path)[1]]
    second = json.loads(run(app, *words).stdout)
    assert (second["algorithm"], "secret" in second) == ("ed25519", False)


@pytest.mark.parametrize("text", ["", "csk_0123456789abcdef", "-----BEGIN PUBLIC KEY-----\nAA"])
def test_what_is_no_public_key_is_refused(app: Flask, tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.pem"
    file.write_text(text)
    refused = run(app, "issue", "voices", "--scopes", "read", "--public-key", str(file))
    assert refused.exit_code == 2
    assert "no public key in PEM" in refused.stderr
    assert json.loads(run(app, "list", "--json").stdout) == []


def test_without_the_extra_it_is_told_how_to_get_it(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    private, file = pair(tmp_path)
    words = ["voices", "--scopes", "read", "--public-key", file]
    key = issued(app, *words)
    service = Service.of(app, clock_of(app), {**key, "secret": PrivateKey(private)})
    monkeypatch.setattr(signing.ed25519, "PRESENT", False)
    refused = run(app, "issue", *words)
    assert (refused.exit_code, "pip install '.[ed25519]'" in refused.stderr) == (1, True)
    assert service.get("/accounts/acme").status_code == 401
    [line] = [record.getMessage() for record in caplog.records if "lets nobody in" in record.msg]
    assert line.startswith(f"The key {key['kid']} lets nobody in: Ed25519 needs the package")


def test_lines_say_the_same_and_warn_beside_them(app: Flask) -> None:
    result = run(app, "issue", "voices", "--scopes", "read")
    assert result.exit_code == 0
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert lines["kid"] == "voices-202611a"
    assert lines["secret"].startswith("csk_")
    assert result.stderr.splitlines() == [
        "Requests are signed for the authority: PORTAL_AUTHORITY, or else host and port of"
        " PORTAL_PUBLIC_URL.",
        "Store the secret now: it is kept nowhere and not shown again.",
    ]


def test_terms_are_kept(app: Flask) -> None:
    words = ["--operations", "generate,design", "--max-units", "5", "--daily-units", "9"]
    key = issued(app, "voices", "--scopes", "all", "--days", "1", *words)
    assert key["scopes"] == list(SCOPES)
    assert key["operations"] == ["generate", "design"]
    assert (key["max_units"], key["daily_units"]) == (5, 9)
    assert key["not_after"] == "2026-11-23T13:52:00.250000Z"


def test_caps_of_single_operations_are_kept(app: Flask) -> None:
    words = ["--cap", "generate:1000:50000", "--cap", "clone::10", "--cap", "design:5:"]
    key = issued(app, "voices", "--scopes", "debit", *words)
    told = {
        "clone": {"max_units": None, "daily_units": 10},
        "design": {"max_units": 5, "daily_units": None},
        "generate": {"max_units": 1000, "daily_units": 50000},
    }
    assert key["caps"] == told
    assert json.loads(run(app, "list", "--json").stdout)[0]["caps"] == told
    lines = run(app, "issue", "voices", "--scopes", "debit", *words).stdout
    assert "caps         clone::10,design:5:,generate:1000:50000" in lines


def test_a_key_may_begin_later(app: Flask) -> None:
    words = ["--not-before", "2026-12-01T00:00:00Z", "--days", "1"]
    key = issued(app, "voices", "--scopes", "all", *words)
    assert key["not_before"] == "2026-12-01T00:00:00.000000Z"
    assert key["not_after"] == "2026-12-02T00:00:00.000000Z"
    service = Service.of(app, clock_of(app), key)
    assert service.get("/accounts/acme").status_code == 401
    clock_of(app).now += 9 * 86_400_000_000
    app.extensions.pop("service_keys")
    assert service.get("/accounts/acme").status_code == 404


def test_a_key_is_rotated_with_an_overlap(app: Flask) -> None:
    words = ["--operations", "generate", "--cap", "generate:9:9", "--max-units", "8", "--days", "9"]
    first = issued(app, "voices", "--scopes", "debit,read", *words)
    result = run(app, "rotate", str(first["kid"]), "--overlap", "2", "--days", "30", "--json")
    assert result.exit_code == 0, result.output
    second = json.loads(result.stdout)
    same = ("service", "scopes", "operations", "max_units", "daily_units", "caps", "authority")
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert (second["kid"], second["not_after"]) == ("voices-202611b", "2026-12-22T13:52:00.250000Z")
    assert second["replaces"] == {"kid": first["kid"], "not_after": "2026-11-22T15:52:00.250000Z"}
    assert second["secret"] != first["secret"]
    both = [Service.of(app, clock_of(app), key) for key in (first, second)]
    assert [one.get("/accounts/acme").status_code for one in both] == [404, 404]
    clock_of(app).now += 2 * 3_600_000_000
    app.extensions.pop("service_keys")
    assert [one.get("/accounts/acme").status_code for one in both] == [401, 404]


def test_what_a_key_did_its_successor_can_finish(app: Flask) -> None:
    first = issued(app, "voices", "--scopes", "all")
    old = Service.of(app, clock_of(app), first)
    assert old.put("/accounts/acme", {"name": "Acme", "tier": "pro"}).status_code == 201
    hold = old.held(100)
    key, members = "job-1-generate-0001", debit_of(5)
    charged = old.post("/debits", members, key=key)
    second = json.loads(run(app, "rotate", str(first["kid"]), "--overlap", "0", "--json").stdout)
    app.extensions.pop("service_keys")
    new = Service.of(app, clock_of(app), second)
    assert old.get("/accounts/acme").status_code == 401
    assert new.post(f"/holds/{hold}/capture", {"credits": 60}).status_code == 201
    assert new.post("/debits", members, key=key).data == charged.data


@pytest.mark.parametrize("after", ["revoke", "time"])
def test_a_key_that_has_ended_is_not_rotated(app: Flask, after: str) -> None:
    kid = str(issued(app, "voices", "--scopes", "read", "--days", "1")["kid"])
    if after == "revoke":
        run(app, "revoke", kid)
    else:
        clock_of(app).now += 86_400_000_000
    result = run(app, "rotate", kid)
    assert result.exit_code == 1
    assert f"{kid} has ended" in result.stderr
    result = run(app, "rotate", "nobody")
    assert (result.exit_code, "no key nobody" in result.stderr) == (1, True)
    assert len(json.loads(run(app, "list", "--json").stdout)) == 1


def test_a_key_in_its_overlap_is_revoked_at_once(app: Flask) -> None:
    kid = str(issued(app, "voices", "--scopes", "read")["kid"])
    run(app, "rotate", kid)
    assert run(app, "revoke", kid).exit_code == 0
    state = {key["kid"]: key["revoked_at"] for key in json.loads(run(app, "list", "--json").stdout)}
    assert state[kid] == "2026-11-22T13:52:00.250000Z"


def test_the_list_says_when_each_key_was_last_used(app: Flask) -> None:
    kid = str(issued(app, "voices", "--scopes", "read")["kid"])
    issued(app, "billing", "--scopes", "read")
    with app.extensions["portal"].database.writing() as connection:
        write_uses(connection, {kid: 1_795_355_520_250_000})
    told = {key["kid"]: key["used_at"] for key in json.loads(run(app, "list", "--json").stdout)}
    assert told == {"billing-202611a": None, kid: "2026-11-22T13:52:00.250000Z"}
    heading, billing, voices = run(app, "list").stdout.splitlines()
    assert heading.split() == ["key", "scopes", "state", "last", "used"]
    assert billing.split()[-1] == "-"
    assert voices.split()[-3:] == ["until", "2027-02-20T13:52:00Z", "2026-11-22T13:52:00Z"]
    assert heading.index("last used") == voices.index("2026-11-22T13:52")
    run(app, "revoke", kid)
    assert "revoked 2026-11-22T13:52:00Z" in run(app, "list").stdout


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
        (["voices", "--scopes", "read", "--cap", "generate"], "--cap"),
        (["voices", "--scopes", "read", "--cap", "generate::"], "--cap"),
        (["voices", "--scopes", "read", "--cap", "generate:0:"], "--cap"),
        (["voices", "--scopes", "read", "--cap", "generate:1:x"], "--cap"),
        (["voices", "--scopes", "read", "--cap", "Gen!:1:1"], "--cap"),
        (["voices", "--scopes", "read", "--cap", "generate:1:1", "--cap", "generate:2:"], "--cap"),
        (["voices", "--scopes", "read", "--not-before", "tomorrow"], "--not-before"),
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
    assert len(lines.splitlines()) == 1 + 3
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
