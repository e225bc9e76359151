"""Reading: what comes back is told as values, or as an error of the client."""

from __future__ import annotations

import pytest

from portal.client.errors import CreditsError, GarbledAnswerError
from tests.client.portals import ENTRY, Scripted, problem, says


def test_pages_are_fetched_as_they_are_used() -> None:
    pages = [
        says(200, {"entries": [{**ENTRY, "seq": 9}, {**ENTRY, "seq": 8}], "next": 8}),
        says(200, {"entries": [{**ENTRY, "seq": 7}], "next": None}),
    ]
    with Scripted(pages) as portal, portal.credits() as credits:
        entries = credits.entries("acme", operation=["a", "b"], reference="jöb 1")
        assert portal.heads == []
        assert next(entries).seq == 9
        assert [entry.seq for entry in entries] == [8, 7]
        targets = [head.split(" ")[1] for head in portal.heads]
    assert targets == [
        "/internal/v1/accounts/acme/entries?operation=a&operation=b&reference=j%C3%B6b%201&limit=200",
        "/internal/v1/accounts/acme/entries?operation=a&operation=b&reference=j%C3%B6b%201&limit=200"
        "&before=8",
    ]


def test_none_are_asked_for_where_none_are_wanted() -> None:
    with Scripted([says(500, {})]) as portal, portal.credits() as credits:
        assert list(credits.entries("acme", newest=0)) == []
        assert portal.heads == []


@pytest.mark.parametrize("members", [{}, {"entries": 7}, {"balance": 7}, {"status": 201}], ids=str)
def test_an_answer_to_something_else_is_told(members: dict[str, object]) -> None:
    with Scripted([says(200, members)]) as portal, portal.credits() as credits:
        for ask in (
            lambda: credits.balance("acme"),
            lambda: credits.account("acme"),
            lambda: credits.get_hold("hld_1"),
            lambda: list(credits.entries("acme")),
            lambda: credits.find_outcome("a-key-nobody-has-used"),
        ):
            with pytest.raises(GarbledAnswerError):
                ask()


def test_what_never_happened_is_none_and_any_other_refusal_is_told() -> None:
    missing = says(404, problem("request_not_found", 404))
    steps = [missing, says(404, problem("not_found", 404))]
    with Scripted(steps) as portal, portal.credits() as credits:
        assert credits.find_outcome("a-key-nobody-has-used") is None
        with pytest.raises(CreditsError):
            credits.find_outcome("a-key-nobody-has-used")
