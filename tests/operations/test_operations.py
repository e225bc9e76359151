"""portal/operations/__init__.py: whatever answers, every answer has passed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from portal import create_app
from tests.databases import config_for


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/login",
        "/nowhere",
        "/internal/v1/debits",
        "/internal/v1/x",
        "/static/portal.css",
    ],
)
def test_every_answer_has_an_id(tmp_path: Path, path: str) -> None:
    client = create_app(config_for("sqlite:///portal.db", tmp_path)).test_client()
    for host in ("127.0.0.1", "evil.example"):
        headers = {"Host": host, "X-Request-Id": "job-7-try-2"}
        with client.get(path, headers=headers) as answer:
            assert answer.headers.getlist("X-Request-Id") == ["job-7-try-2"]


def test_what_was_refused_at_the_door_is_told_in_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "portal.requests")
    config = replace(config_for("sqlite:///portal.db", tmp_path), log_requests="refusals")
    client = create_app(config).test_client()
    client.get("/internal/v1/nowhere", headers={"Host": "127.0.0.1"})
    client.post("/internal/v1/debits", data=b"x" * 20_000, headers={"Host": "127.0.0.1"})
    told = [vars(record)["told"]["code"] for record in caplog.records]
    assert told == ["not_found", "payload_too_large"]
