"""portal/operations/logs.py: one JSON line each, with what may be a secret cut out."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from logging.config import dictConfig
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.operations import logs
from portal.operations.logs import CUTS, LOGGING, REQUEST_ID, JsonLines, keep_silent, scrubbed
from tests.databases import SECRET, config_for

BREAKERS = [
    "a\r\nb",
    "a\x1b[31mred",
    'a"}\n{"level":"x"}',
    "\u2028\u2029",
    "\x00",
    "\ud800",
    "a" * 99,
]


def line_of(message: str, *words: object, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("portal.x", logging.WARNING, "", 1, message, words, None)
    for name, value in more.items():
        setattr(record, name, value)
    text = JsonLines().format(record)
    assert "\n" not in text
    assert text.isascii()
    found: dict[str, Any] = json.loads(text)
    return found


def error_of(text: str) -> Any:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        return sys.exc_info()


def test_a_record_is_one_object() -> None:
    told = line_of("%s of %d", "one", 2, told={"status": 503}, created=1_795_355_520.25)
    assert told == {
        "at": "2026-11-22T13:52:00.250+00:00", "level": "warning", "logger": "portal.x",
        "message": "one of 2", "status": 503,
    }  # fmt: skip


@pytest.mark.parametrize("text", BREAKERS)
@pytest.mark.gate
def test_whatever_is_in_a_text_it_stays_one_line(text: str) -> None:
    assert line_of("%s", text)["message"] == text
    assert line_of("x", told={"path": text})["path"] == text
    assert line_of("x", told={text: 1})[text] == 1
    assert text.splitlines()[0] in line_of("x", exc_info=error_of(text))["error"]


def test_an_error_comes_with_where_it_was_raised() -> None:
    told = line_of("x", exc_info=error_of("it broke"))["error"]
    assert "RuntimeError: it broke" in told
    assert "test_logs.py" in told


def test_lines_of_a_request_carry_its_id() -> None:
    app = Flask("portal")
    with app.test_request_context("/", environ_overrides={REQUEST_ID: "abc-12345"}):
        assert line_of("x")["request"] == "abc-12345"
    assert "request" not in line_of("x")


@pytest.mark.parametrize(
    "text",
    [
        "Cookie: portal=hunter2hunter2; other=1",
        "Set-Cookie: __Host-portal=hunter2; Secure",
        "GET headers {'Authorization': 'Bearer hunter2'}",
        "Signature: sig1=:hunter2/AAAA=:",
        'signature-input: sig1=("@method");keyid="x";nonce="hunter2"',
        "the value sig1=:hunter2=: is no good",
        "password=hunter2 is wrong",
        "passwd = 'hunter2'",
        '{"secret": "hunter2"}',
        '{"csrf_token": "hunter2"}',
        "token=hunter2&next=/",
        "password_hash: $argon2id$v=19$hunter2",
        "could not connect to postgresql+psycopg://portal:hunter2@db/portal",
        "postgresql://:hunter2@db/portal is away",
        "[SQL: INSERT …]\n[parameters: ('ada@example.com', 'hunter2', [1])]\n(Background …)",
        'DETAIL:  Failing row contains (1, ada, "hunter2").',
        "DETAIL:  Key (id)=(\\x68756e746572hunter2) already exists.",
    ],
)
@pytest.mark.gate
def test_what_may_be_a_secret_is_cut(text: str) -> None:
    assert "hunter2" not in scrubbed(text)
    assert "hunter2" not in json.dumps(line_of("%s", text))
    assert "hunter2" not in json.dumps(line_of("x", told={"detail": text}))
    assert "hunter2" in json.dumps(line_of("%s", "hunter2")), "the control: nothing tells it"


def test_what_tells_no_secret_is_kept() -> None:
    text = "POST /internal/v1/debits failed: account acme, key tts-202611a, 3 tokens, no password"
    assert scrubbed(text) == text


def test_the_portals_own_secrets_are_cut_wherever_they_stand(tmp_path: Path) -> None:
    url = "postgresql://portal:0pen-sesame-now@db/portal"
    keep_silent(config_for(url, tmp_path))
    told = scrubbed(f"odd {SECRET} and 0pen-sesame-now there")
    assert SECRET not in told
    assert "0pen-sesame" not in told


def test_what_a_statement_was_given_is_cut_from_the_databases_error() -> None:
    engine, password = sa.create_engine("sqlite://"), "-".join(("hunter2", "hunter2"))
    with engine.connect() as connection, pytest.raises(sa.exc.SQLAlchemyError) as raised:
        connection.execute(sa.text("SELECT :x FROM nowhere"), {"x": password})
    told = line_of("x", exc_info=(raised.type, raised.value, raised.tb))["error"]
    assert password in str(raised.value), "the control"
    assert "no such table: nowhere" in told
    assert password not in told
    engine.dispose()


def test_a_text_without_end_is_cut_short() -> None:
    assert len(scrubbed("x" * 1_000_000)) < 20_000


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in CUTS])
def test_no_text_takes_long_to_look_through(pattern: Any) -> None:
    odd = ["cookie ", "password", "token:", "://", ":@", "sig1=", "Key (", "[parameters: ", " \t"]
    for text in odd:
        began = time.thread_time()
        pattern.sub("", text * (100_000 // len(text)))
        assert time.thread_time() - began < 0.5


@pytest.fixture
def configured() -> Iterator[io.StringIO]:
    """The server's own settings, written to a text instead of stderr."""
    names = [None, "portal.requests", "gunicorn.error", "gunicorn.access"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    stream = io.StringIO()
    handler = {**LOGGING["handlers"]["lines"], "stream": stream}
    dictConfig({**LOGGING, "handlers": {"lines": handler}})
    yield stream
    for each, handlers, level, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


def test_the_server_writes_every_logger_that_way(configured: io.StringIO) -> None:
    for name in ("portal.internal.blueprint", "gunicorn.error", "somebody.else"):
        logging.getLogger(name).error("it is %s", name)
    logging.getLogger("portal.requests").info("told")
    logging.getLogger("somebody.else").info("not told")
    lines = [json.loads(line) for line in configured.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == [
        "portal.internal.blueprint", "gunicorn.error", "somebody.else", "portal.requests",
    ]  # fmt: skip


# --- the controls of the gate ---------------------------------------------------------------------


@pytest.mark.gate
def test_control_without_its_cuts_a_line_tells_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CUTS", ())
    with pytest.raises(AssertionError):
        test_what_may_be_a_secret_is_cut("password=hunter2 is wrong")


@pytest.mark.gate
def test_control_as_the_library_writes_it_a_text_is_many_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs.JsonLines, "format", logging.Formatter.format)
    with pytest.raises((AssertionError, ValueError)):
        test_whatever_is_in_a_text_it_stays_one_line(BREAKERS[0])
