"""Headers of every answer, and posts from other sites that are turned away."""

import re

import pytest
from flask import Flask

from portal.web.headers import hx
from tests.web.desk import Desk, Visitor

PATHS = ("/login", "/usage", "/nowhere", "/static/portal.css", "/static/none", "/logout", "/")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_policy_and_its_companions(ada: Visitor, path: str) -> None:
    headers = ada.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'; trusted-types htmx" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_scripts_run_by_this_answers_nonce_alone(ada: Visitor) -> None:
    first, second = ada.get("/usage"), ada.get("/usage")
    nonces = []
    for answer in (first, second):
        found = re.search(
            r"script-src 'nonce-([\w-]{24})'", answer.headers["Content-Security-Policy"]
        )
        assert found is not None
        nonces.append(found[1])
        assert set(re.findall(r'nonce="([^"]+)"', answer.text)) == {found[1]}
        assert "<script>" not in answer.text
    assert nonces[0] != nonces[1]


def test_a_fragments_attributes_carry_the_nonce_of_its_own_header(ada: Visitor) -> None:
    answer = ada.part("/usage", "section#balance")
    found = re.search(r'hx-nonce="([^"]+)"', answer.text)
    assert found is not None
    assert f"'nonce-{found[1]}'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "evil"])
def test_a_post_from_another_site_is_turned_away_before_its_token(ada: Visitor, site: str) -> None:
    token = ada.token("/usage")
    answer = ada.post("/logout", {"csrf_token": token}, Sec_Fetch_Site=site)
    assert answer.status_code == 403
    assert ada.get("/usage").status_code == 200


def test_a_browser_too_old_to_say_is_judged_by_its_token(desk: Desk) -> None:
    visitor = desk.visitor()
    visitor.headers = {}
    assert visitor.sign_in("ada@acme.example").status_code == 303


def test_the_services_door_is_not_the_front_desks_business(desk: Desk) -> None:
    answer = desk.visitor().post("/internal/v1/debits", Sec_Fetch_Site="cross-site")
    assert answer.status_code != 403
    assert "Content-Security-Policy" not in answer.headers


def test_attributes_are_escaped_and_always_have_the_nonce(desk: Desk) -> None:
    app: Flask = desk.app
    with app.test_request_context():
        written = str(hx(get='/a?b=1&c="2"', push_url=True))
    assert written.startswith('hx-get="/a?b=1&amp;c=&#34;2&#34;" hx-push-url="true" hx-nonce="')


def test_static_files_may_be_kept_as_long_as_their_address_names_their_contents(
    ada: Visitor,
) -> None:
    found = re.search(r'href="(/static/portal\.css\?v=\w{12})"', ada.get("/usage").text)
    assert found is not None
    kept = ada.get(found[1])
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in kept.headers
    assert "immutable" not in ada.get("/static/portal.css").headers["Cache-Control"]
