"""Signing in and out: one answer for every failure, new ids, sessions that really end."""

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from portal import identity
from tests.web.desk import HOUR, PASSWORD, SECOND, Desk, Visitor, words

MINUTE = 60 * SECOND
PEOPLE = identity.metadata.tables["people"]
SESSIONS = identity.metadata.tables["sessions"]


def test_the_right_password_leads_to_the_pages(desk: Desk) -> None:
    visitor = desk.visitor()
    answer = visitor.sign_in("ada@acme.example")
    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.get("/usage").status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@acme.example", "a wrong password"),
        ("nobody@acme.example", PASSWORD),
        ("ada@acme.example", ""),
        ("", ""),
        ("ada@acme.example\x00", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("ada@acme.example", "x" * 5000),
    ],
)
def test_every_failure_is_told_in_the_same_words(desk: Desk, email: str, password: str) -> None:
    visitor = desk.visitor()
    answer = visitor.sign_in(email, password)
    assert answer.status_code == 422
    assert "Email and password do not match." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert visitor.get("/usage").status_code == 303


def test_a_disabled_person_is_not_let_in_nor_told_so(desk: Desk) -> None:
    with desk.database.writing() as connection:
        identity.disable_person(connection, "ada@acme.example", desk.clock.now)
    answer = desk.visitor().sign_in("ada@acme.example")
    assert answer.status_code == 422
    assert "Email and password do not match." in answer.text


def test_a_session_gets_a_new_id_on_signing_in(desk: Desk) -> None:
    visitor = desk.visitor()
    visitor.get("/login")
    before = visitor.cookie()
    visitor.sign_in("ada@acme.example")
    assert visitor.cookie() != before
    other = desk.visitor()
    other.borrow(before)
    assert other.get("/usage").status_code == 303


def test_signing_in_again_ends_the_session_before(desk: Desk, ada: Visitor) -> None:
    first = ada.cookie()
    form = {"csrf_token": ada.token("/usage"), "email": "bob@bolt.example", "password": PASSWORD}
    assert ada.post("/login", form).status_code == 303
    thief = desk.visitor()
    thief.borrow(first)
    assert thief.get("/usage").status_code == 303


def test_a_copied_cookie_is_worth_nothing_after_signing_out(desk: Desk, ada: Visitor) -> None:
    copied = ada.cookie()
    answer = ada.post("/logout", {"csrf_token": ada.token("/usage")})
    assert (answer.status_code, answer.location) == (303, "/login?left=1")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    thief = desk.visitor()
    thief.borrow(copied)
    assert thief.get("/usage").status_code == 303
    assert "You are signed out." in ada.get("/login?left=1").text
    with desk.database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(SESSIONS)) == 0


def test_signing_out_is_a_post(ada: Visitor) -> None:
    assert ada.get("/logout").status_code == 405
    assert ada.get("/usage").status_code == 200


def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(desk: Desk) -> None:
    answer = desk.visitor().get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("portal=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_the_sixth_attempt_waits_and_an_attempt_from_elsewhere_does_not(desk: Desk) -> None:
    visitor = desk.visitor()
    for _ in range(5):
        assert visitor.sign_in("ada@acme.example", "a wrong password").status_code == 422
    answer = visitor.sign_in("ada@acme.example")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Too many attempts. Try again in 15 min." in answer.text
    elsewhere = visitor.client.post(
        "/login",
        data={"csrf_token": visitor.token(), "email": "ada@acme.example", "password": PASSWORD},
        environ_base={"REMOTE_ADDR": "10.1.2.3"},
    )
    assert elsewhere.status_code == 303


def attempt(desk: Desk, address: str, email: str, password: str = PASSWORD) -> int:
    """The status of a new visitor's attempt from an address."""
    visitor = desk.visitor()
    form = {"csrf_token": visitor.token(), "email": email, "password": password}
    from_there = {"REMOTE_ADDR": address}
    return visitor.client.post("/login", data=form, environ_base=from_there).status_code


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_all_addresses_of_one_customer_of_a_network_are_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "verify_password", lambda *_: False)
    for number in range(5):
        assert attempt(desk, f"2001:db8:1:2::{number:x}", "ada@acme.example") == 422
    assert attempt(desk, "2001:db8:1:2:ffff::1", "ada@acme.example") == 429
    assert attempt(desk, "2001:db8:1:3::1", "ada@acme.example") == 422
    for number in range(95):
        assert attempt(desk, f"2001:db8:1:2::{number:x}", f"p{number}@acme.example") == 422
    assert attempt(desk, "2001:db8:1:2::ffff", "bob@bolt.example") == 429


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_person_still_comes_in_from_where_they_were_while_many_try(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert attempt(desk, "10.9.9.9", "ada@acme.example") == 303
    with monkeypatch.context() as patched:
        patched.setattr(identity, "verify_password", lambda *_: False)
        for number in range(50):
            assert attempt(desk, f"10.0.0.{number}", "ada@acme.example") == 422
        assert attempt(desk, "10.0.1.1", "ada@acme.example") == 429
    assert attempt(desk, "10.0.1.2", "ada@acme.example") == 429
    assert attempt(desk, "10.9.9.9", "ada@acme.example") == 303
    desk.clock.now += 15 * MINUTE
    assert attempt(desk, "10.0.1.2", "ada@acme.example") == 303


def test_a_cut_off_attempt_is_not_hashed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = desk.visitor()
    for _ in range(5):
        visitor.sign_in("ada@acme.example", "a wrong password")

    def hashed(*_: object) -> bool:
        raise AssertionError("hashed")

    monkeypatch.setattr(identity, "verify_password", hashed)
    assert visitor.sign_in("ada@acme.example").status_code == 429


def test_the_right_password_starts_the_count_anew(desk: Desk) -> None:
    for _ in range(3):
        visitor = desk.visitor()
        for _ in range(4):
            visitor.sign_in("ada@acme.example", "a wrong password")
        assert visitor.sign_in("ada@acme.example").status_code == 303


def test_a_session_ends_after_half_an_hour_without_a_sign_of_life(desk: Desk, ada: Visitor) -> None:
    for _ in range(3):
        desk.clock.now += 29 * MINUTE
        assert ada.get("/usage").status_code == 200
    desk.clock.now += 30 * MINUTE
    assert ada.get("/usage").status_code == 303


def test_a_session_ends_after_twelve_hours_whatever_happens(desk: Desk, ada: Visitor) -> None:
    start = desk.clock.now
    while desk.clock.now < start + 12 * HOUR - 20 * MINUTE:
        assert ada.get("/usage").status_code == 200
        desk.clock.now += 20 * MINUTE
    desk.clock.now = start + 12 * HOUR
    assert ada.get("/usage").status_code == 303


def test_a_tab_that_only_polls_does_not_keep_a_session_alive(desk: Desk, ada: Visitor) -> None:
    for _ in range(29):
        desk.clock.now += MINUTE
        polled = ada.part("/usage", "section#balance", HX_PTag="1.1.1")
        assert polled.status_code == 200
    desk.clock.now += MINUTE
    assert ada.part("/usage", "section#balance", HX_PTag="1.1.1").status_code == 401


def test_a_hash_of_weaker_parameters_is_made_anew(desk: Desk) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    with desk.database.writing() as connection:
        connection.execute(PEOPLE.update().values(password_hash=weak))
    desk.signed_in("ada@acme.example")
    with desk.database.reading() as connection:
        person = identity.get_person(connection, "ada@acme.example")
        known = identity.find_password_hash(connection, person.id)
    assert known is not None
    assert not identity.is_outdated(known)


@pytest.mark.parametrize("path", ["/usage?period=7d", "/ledger?type=debit&from=2026-11-01"])
def test_after_signing_in_the_page_that_was_asked_for_follows(desk: Desk, path: str) -> None:
    visitor = desk.visitor()
    asked = visitor.get(path)
    assert asked.status_code == 303
    form = visitor.get(asked.location).text
    assert f'name="next" value="{path.replace("&", "&amp;")}"' in form
    assert visitor.sign_in("ada@acme.example", next=path).location == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "https:evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "evil.example", "///evil",
        "\\\\evil.example", "/\x00", " /usage",
    ],
)  # fmt: skip
def test_no_path_leads_to_another_site(desk: Desk, elsewhere: str) -> None:
    visitor = desk.visitor()
    assert visitor.sign_in("ada@acme.example", next=elsewhere).location == "/"
    assert visitor.client.get("/login", query_string={"next": elsewhere}).location == "/"


def test_those_who_are_in_are_sent_on(ada: Visitor) -> None:
    assert ada.get("/login?next=/plans").location == "/plans"


def test_the_form_takes_pasted_passwords_and_password_managers(desk: Desk) -> None:
    form = desk.visitor().get("/login").text
    assert 'autocomplete="username"' in form
    assert 'autocomplete="current-password"' in form
    assert "<script" not in form
    assert words(form).count("Sign in") == 3  # title, heading, button


def test_a_form_that_is_too_large_is_refused(desk: Desk) -> None:
    assert desk.visitor().sign_in("ada@acme.example", "x" * 70_000).status_code == 413
