"""Forms prove that they are ours: the token belongs to one cookie and dies with it."""

import pytest

from tests.web.desk import PASSWORD, Desk, Visitor


def form(token: str) -> dict[str, str]:
    return {"csrf_token": token, "email": "ada@acme.example", "password": PASSWORD}


def test_the_token_of_ones_own_cookie_opens(desk: Desk) -> None:
    visitor = desk.visitor()
    assert visitor.post("/login", form(visitor.token())).status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 5000])
def test_no_token_and_a_wrong_one_are_refused(desk: Desk, token: str) -> None:
    visitor = desk.visitor()
    visitor.get("/login")
    answer = visitor.post("/login", form(token))
    assert answer.status_code == 403
    assert "out of date" in answer.text


def test_another_visitors_token_is_refused(desk: Desk) -> None:
    stranger, visitor = desk.visitor(), desk.visitor()
    visitor.get("/login")
    assert visitor.post("/login", form(stranger.token())).status_code == 403


def test_a_token_from_before_signing_in_is_worth_nothing_after(desk: Desk) -> None:
    visitor = desk.visitor()
    before = visitor.token()
    visitor.sign_in("ada@acme.example")
    assert visitor.post("/logout", {"csrf_token": before}).status_code == 403


def test_scripts_send_it_in_a_header(ada: Visitor) -> None:
    answer = ada.post("/logout", X_CSRFToken=ada.token("/usage"))
    assert answer.status_code == 303


def test_the_body_gives_it_to_every_request_htmx_sends(ada: Visitor) -> None:
    text = ada.get("/usage").text
    token = ada.token("/usage")
    assert f'hx-headers:inherited="{{&#34;X-CSRFToken&#34;: &#34;{token}&#34;}}"' in text


def test_reading_needs_no_token(ada: Visitor) -> None:
    assert ada.get("/usage", X_CSRFToken="wrong").status_code == 200
