"""portal/operations/passage.py: ids, counts and lines of requests."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from portal.internal.problems import COMMANDS, PROBLEM
from portal.operations.passage import Passage, Passed


class Answered:
    """What an application under a passage saw, and what came out."""

    def __init__(self, passage_of: Any, status: str = "200 OK", code: str | None = None) -> None:
        self.status, self.code = status, code
        self.environ: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.commands: Counter[tuple[int, str | None]] = Counter()
        self.passage = passage_of(self.application)

    def application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environ = environ
        if self.status == "broken":
            raise RuntimeError("broken")
        if self.code is not None:
            environ[PROBLEM] = self.code
        if self.commands:
            environ[COMMANDS] = self.commands
        start_response(self.status, [("Content-Type", "text/plain")])
        return [b"said"]

    def ask(self, path: str = "/usage", **headers: str) -> list[bytes]:
        asked = EnvironBuilder(path, headers=Headers(headers), method="POST").get_environ()
        return list(self.passage(asked, lambda status, given: self.headers.update(given)))


def passing(status: str = "200 OK", code: str | None = None, **more: Any) -> Answered:
    terms = {"note": None, "lines": "all", "host": "credits.example", **more}
    return Answered(lambda application: Passage(application, **terms), status, code)


def test_every_answer_carries_an_id_of_its_own() -> None:
    asked = passing()
    assert asked.ask() == [b"said"]
    first = asked.headers["X-Request-Id"]
    assert asked.environ["portal.request_id"] == first
    asked.ask()
    assert asked.headers["X-Request-Id"] != first
    other = passing()
    other.ask()
    assert other.headers["X-Request-Id"] != first, "another process starts elsewhere"
    assert asked.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("known", ["job-7:try.2", "a" * 8, "A" * 64])
def test_a_sane_id_is_taken_over(known: str) -> None:
    asked = passing()
    asked.ask(**{"X-Request-Id": known})
    assert asked.headers["X-Request-Id"] == known


@pytest.mark.parametrize("odd", ["", "short", "a" * 65, "a b c d e f", 'x"}{"y":1}', "ä" * 9])
def test_an_odd_id_is_not(odd: str) -> None:
    asked = passing()
    asked.ask(**{"X-Request-Id": odd})
    assert asked.headers["X-Request-Id"] != odd
    assert len(asked.headers["X-Request-Id"]) == 21


def test_each_request_is_noted_once() -> None:
    noted: list[Passed] = []
    passing("402 PAYMENT REQUIRED", "insufficient_credits", note=noted.append).ask("/x?y=1")
    passing("broken", note=noted.append, lines="failures")
    assert [(one.method, one.path, one.status, one.code) for one in noted] == [
        ("POST", "/x", "402", "insufficient_credits")
    ]
    assert noted[0].nanoseconds > 0


def test_the_commands_of_a_batch_are_noted_with_it() -> None:
    noted: list[Passed] = []
    asked = passing("201 CREATED", note=noted.append)
    asked.commands = Counter({(201, None): 2, (402, "insufficient_credits"): 1})
    asked.ask()
    assert noted[0].commands == asked.commands
    asked.commands = Counter()
    asked.ask()
    assert noted[1].commands == {}


def test_an_application_that_breaks_is_noted_as_a_failure() -> None:
    noted: list[Passed] = []
    broken = passing("broken", note=noted.append)
    with pytest.raises(RuntimeError):
        broken.ask()
    assert [one.status for one in noted] == ["500"]


@pytest.mark.parametrize(
    ("lines", "written"),
    [("failures", ["503"]), ("refusals", ["402", "503"]), ("all", ["201", "402", "503"])],
)
def test_which_answers_get_a_line_is_a_setting(
    lines: str, written: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "portal.requests")
    for status in ("201 CREATED", "402 PAYMENT REQUIRED", "503 SERVICE UNAVAILABLE"):
        passing(status, lines=lines).ask("/internal/v1/debits?secret=hunter2")
    assert [record.getMessage() for record in caplog.records] == [f"POST {s}" for s in written]
    assert "hunter2" not in repr([vars(record) for record in caplog.records])


def test_a_line_says_what_one_looks_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "portal.requests")
    asked = passing("503 SERVICE UNAVAILABLE", "storage_unavailable")
    asked.ask(**{"X-Request-Id": "job-7-try-2"})
    (record,) = caplog.records
    told = vars(record)["told"]
    assert told.pop("milliseconds") >= 0
    assert told == {
        "request": "job-7-try-2", "method": "POST", "path": "/usage", "status": 503,
        "address": None, "code": "storage_unavailable",
    }  # fmt: skip
    assert record.levelno == logging.ERROR


def test_whoever_asks_how_it_is_needs_no_name() -> None:
    asked = passing()
    for path in ("/healthz", "/readyz", "/metrics"):
        asked.ask(path, Host="10.0.0.7:8000")
        assert asked.environ["HTTP_HOST"] == "credits.example"
    asked.ask("/usage", Host="10.0.0.7:8000")
    assert asked.environ["HTTP_HOST"] == "10.0.0.7:8000"
