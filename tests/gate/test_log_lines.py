"""Gate 49: whatever is sent, logs are whole JSON lines, and no secret stands in any of them."""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from portal import identity, signing
from portal.client import Credits, Settings
from portal.clock import utc_now
from portal.config import Config
from portal.current import Application
from portal.database import Database
from portal.database.upgrading import owner_connection
from portal.internal.keys import KeyRing
from tests.internal.service import ROOT
from tests.served import Caller, served

pytestmark = pytest.mark.gate
PASSWORD = "correct-horse-battery-staple-9"
WRONG = "wrong-horse-battery-staple-9"
COOKIE = "c00kie-of-a-visitor-0123456789abcdef"
BEARER = "bearer-of-a-stranger-0123456789abcdef"
BREAKERS = ["%0d%0aforged", "%1b[31mred", "%22}%0a{%22level%22:%22x", "%e2%80%a8", "%00", "%ff"]
TABLES = ("sessions", "spent_nonces")


def sign_in(caller: Caller, password: str) -> list[str]:
    """Try the form; gives every cookie that was set and every token that was shown."""
    shown = caller.ask("/login")
    cookie = shown.headers["Set-Cookie"].partition(";")[0]
    (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', shown.body.decode())
    form = urlencode({"email": "ada@example.com", "password": password, "csrf_token": token})
    kind = "application/x-www-form-urlencoded"
    answer = caller.ask("/login", "POST", form.encode(), Cookie=cookie, Content_Type=kind)
    given = answer.headers.get("Set-Cookie", "=").partition(";")[0]
    return [token, cookie.partition("=")[2], given.partition("=")[2]]


def break_tables(config: Config) -> None:
    """Take tables away, so that the database refuses statements with all their parameters."""
    with owner_connection(config) as connection:
        for name in TABLES:
            connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}_gone")
        connection.commit()


def odd_requests(caller: Caller) -> None:
    """Requests with line breakers and secrets in every place that one can write to."""
    for text in BREAKERS:
        caller.ask(f"/{text}?token={BEARER}", Cookie=f"portal={COOKIE}")
        caller.ask(f"{ROOT}/{text}", Authorization=f"Bearer {BEARER}", X_Request_Id=BEARER * 2)
        caller.ask(f"{ROOT}/debits", "POST", b"{", Signature=f"sig1=:{BEARER}:")
    host, port = caller.portal.authority.split(":")
    for line in (
        f"GET /x HTTP/1.1\r\nHost: {host}\r\nCookie: portal={COOKIE}\r\nBad Name: x\r\n\r\n",
        f"GET /{COOKIE} \x00\x1b[31m HTTP/1.1\r\nAuthorization: {BEARER}\r\n\r\n",
        f"Cookie: portal={COOKIE}\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as plug:
            plug.sendall(line.encode())
            plug.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):  # what it did not want to read
                while plug.recv(65_536):
                    pass


def lines_of(log: Path) -> list[dict[str, Any]]:
    """Every line as the object it must be."""
    text = log.read_text()
    found = [json.loads(line) for line in text.split("\n") if line]
    assert all(isinstance(line, dict) for line in found)
    assert all(line["at"] and line["level"] and line["logger"] for line in found)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\U0010ffff]", text)
    return found


def stored(config: Config) -> str:
    """Every row of every table, in words."""
    with owner_connection(config) as connection:
        tables = sa.inspect(connection).get_table_names()
        return repr([connection.execute(sa.text(f'SELECT * FROM "{t}"')).all() for t in tables])


def found(secrets: set[str], text: str) -> set[str]:
    """Which secrets stand in a text."""
    return {secret for secret in secrets if secret in text}


def test_no_secret_gets_into_any_line(config: Config, tmp_path: Path) -> None:
    database = Database(config)
    with served(config, tmp_path, workers=2, log_requests="all") as caller:
        with database.writing() as connection:
            person = identity.add_person(
                connection, "ada@example.com", PASSWORD, account_id="acme", now=utc_now()
            )
            hashed = identity.find_password_hash(connection, person.id)
        tokens = [*sign_in(caller, PASSWORD), *sign_in(caller, WRONG)]
        assert caller.debit().status == 201
        assert caller.debit("nobody").status == 404
        odd_requests(caller)
        break_tables(caller.portal.config)
        tokens += sign_in(caller, PASSWORD)
        put = caller.call("PUT", "/accounts/new", {"name": "New", "tier": "pro"})
        assert put.status >= 500
        sent = caller.portal
    database.dispose()
    lines = lines_of(sent.log)
    assert {"POST 201", "POST 404", "POST 422", "POST 303"} <= {line["message"] for line in lines}
    assert any("sessions" in line.get("error", "") for line in lines), "the control"
    assert any("spent_nonces" in line.get("error", "") for line in lines), "the control"
    text = sent.log.read_text()
    known = {PASSWORD, WRONG, COOKIE, BEARER, caller.secret, config.secret_key.decode()}
    kept = stored(config)
    assert found(known | set(tokens) - {""}, kept) == set()
    assert found({hashed or "", caller.kid, "acme"}, kept) == {hashed, caller.kid, "acme"}
    told = b"".join(caller.heard).decode(errors="replace")
    assert found(known | {hashed or "?"} | set(caller.sent), told) == set()
    assert "signature_invalid" in told, "the control"
    secrets = {
        PASSWORD, WRONG, COOKIE, BEARER, caller.secret, hashed or "", *caller.sent, *tokens,
        config.secret_key.decode(), sha256(tokens[2].encode()).hexdigest(),
    } - {""}  # fmt: skip
    assert len(secrets) > 12
    assert found(secrets, text) == set()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_nothing_that_holds_a_secret_shows_it(config: Config) -> None:
    database = Database(config)
    state = Application(config, database, utc_now, os.urandom)
    secret = signing.derive_secret(config.secret_key, "tts-202611a")
    settings = Settings.of("https://credits.example", "tts-202611a", secret)
    ring = KeyRing(lambda: (), config.secret_key)
    key = signing.Key("hmac-sha256", secret.encode(), 0)
    shown = "".join(map(repr, (config, state, database, ring, key, settings, Credits(settings))))
    database.dispose()
    assert found({config.secret_key.decode(), secret}, shown) == set()
    assert "tts-202611a" in shown, "the control"
    assert secret in repr(tuple(key)), "the control: as any other tuple it would show it"


def test_each_line_of_a_request_has_the_id_of_its_answer(config: Config, tmp_path: Path) -> None:
    with served(config, tmp_path, log_requests="refusals") as caller:
        refused = caller.debit("nobody")
        assert caller.debit().status == 201
        named = caller.ask("/nowhere", X_Request_Id="job-7-try-2")
    assert named.headers["X-Request-Id"] == "job-7-try-2"
    told = [line for line in lines_of(caller.portal.log) if line["logger"] == "portal.requests"]
    # The test itself asks until the portal answers.
    assert [(line["request"], line["status"]) for line in told] == [
        (refused.headers["X-Request-Id"], 404), ("job-7-try-2", 404),
    ]  # fmt: skip
    assert told[0]["code"] == "account_not_found"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_goes_well_leaves_no_line(config: Config, tmp_path: Path) -> None:
    """A line costs more than all else that is counted of a request."""
    with served(config, tmp_path) as caller:
        for _ in range(3):
            assert caller.debit().status == 201
    assert {line["logger"] for line in lines_of(caller.portal.log)} == {"gunicorn.error"}
