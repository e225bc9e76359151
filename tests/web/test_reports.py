"""Reports of blocked scripts: one line each in the log, and never enough to fill the disk."""

import json
import logging

import pytest

from portal.web import reports
from tests.web.desk import Desk


def report(**more: object) -> bytes:
    blocked = {"document-uri": "http://localhost/usage", "violated-directive": "script-src"}
    return json.dumps({"csp-report": blocked | more}).encode()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "budget", reports.Budget(3))


def sent(desk: Desk, body: bytes) -> int:
    answer = desk.app.test_client().post(
        "/csp-reports", data=body, content_type="application/csp-report"
    )
    return answer.status_code


def test_a_report_becomes_one_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert sent(desk, report(**{"source-file": "a\nb\x1b[31m", "more": "x"})) == 204
    (record,) = caplog.records
    told = record.getMessage()
    assert told.startswith("blocked by the content security policy: {")
    assert "\n" not in told
    assert "\x1b" not in told
    assert json.loads(told.partition(": ")[2])["source-file"] == "a\nb\x1b[31m"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"csp-report": 1}', b"\xff", b"x" * 9000, b"[" * 8000]
)
def test_what_is_no_report_is_dropped_in_silence(
    desk: Desk, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    with caplog.at_level(logging.WARNING):
        assert sent(desk, body) in (204, 413)
    assert not caplog.records


def test_no_more_are_kept_than_a_minute_allows(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            sent(desk, report())
        assert len(caplog.records) == 3
        desk.clock.now += 60_000_000
        sent(desk, report())
    assert len(caplog.records) == 4


def test_a_long_report_is_cut(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        sent(desk, report(**{"blocked-uri": "x" * 5000}))
    assert len(caplog.records[0].getMessage()) < 600
