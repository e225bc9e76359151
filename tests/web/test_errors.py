"""What is said when a page cannot be shown: never a trace, never a raw word of the server."""

import logging

import pytest
from sqlalchemy.exc import OperationalError

from portal import identity, ledger
from portal.web import errors, usage
from tests.web.desk import Desk, Visitor, words


def test_a_page_that_is_not_there_is_a_page(ada: Visitor) -> None:
    answer = ada.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"


NAVIGATION = '<nav aria-label="Main">'


def test_who_is_signed_in_keeps_the_navigation(
    desk: Desk, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NAVIGATION in ada.get("/nowhere").text
    assert NAVIGATION in ada.get("/ledger/ent_nothing").text
    assert NAVIGATION not in desk.visitor().get("/nowhere").text

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(usage, "standing_of", broken)
    answer = ada.get("/usage")
    assert answer.status_code == 500
    assert NAVIGATION in answer.text


def test_nobody_is_looked_up_where_that_has_failed(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def broken(*given: object) -> None:
        asked.append(given)
        raise ledger.StorageUnavailableError

    monkeypatch.setattr(identity, "find_session", broken)
    for path, status in (("/usage", 503), ("/nowhere", 404)):
        asked.clear()
        answer = ada.get(path)
        assert answer.status_code == status
        assert NAVIGATION not in answer.text
        assert len(asked) == 1


def test_a_method_that_is_not_there_names_those_that_are(ada: Visitor) -> None:
    answer = ada.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_script_gets_the_message_alone(ada: Visitor) -> None:
    answer = ada.part("/ledger/ent_nothing", "div#detail")
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert words(answer.text).startswith("There is no such page.")


def test_a_failure_of_ours_has_a_number_in_page_and_log_and_tells_nothing_else(
    desk: Desk, ada: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(usage, "standing_of", broken)
    with caplog.at_level(logging.ERROR):
        answer = ada.get("/usage")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    record = next(one for one in caplog.records if one.getMessage().startswith("failure "))
    assert record.getMessage().removeprefix("failure ") in answer.text
    assert record.exc_info is not None


@pytest.mark.parametrize(
    "error", [ledger.StorageUnavailableError(), OperationalError("SELECT", {}, Exception("gone"))]
)
def test_a_database_that_does_not_answer_is_told_apart(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(usage, "standing_of", broken)
    answer = ada.get("/usage")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "No page charges anything. Try again in a moment." in answer.text
    assert "was changed" not in answer.text


def test_a_request_for_a_strange_host_gets_plain_words(desk: Desk) -> None:
    client = desk.app.test_client()
    for method in ("get", "post"):
        answer = getattr(client, method)("/login", base_url="http://evil.example")
        assert answer.status_code in (400, 403)
        assert answer.mimetype == "text/plain"
        assert "evil" not in answer.text


def test_every_title_is_of_a_status_that_can_come_up() -> None:
    assert set(errors.SENTENCES) <= set(errors.TITLES)


def test_a_whole_page_says_what_happened_once(ada: Visitor) -> None:
    assert words(ada.get("/nowhere").text).count("There is no such page.") == 0
