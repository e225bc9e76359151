"""Who is at the desk is read from the database at every request; nothing is remembered."""

import pytest
import sqlalchemy as sa

from portal import identity
from portal.config import Config
from portal.current import Application
from portal.database import BusyError
from tests.web.desk import PASSWORD, Desk, Visitor

PEOPLE = identity.metadata.tables["people"]


def change(desk: Desk, email: str, **values: object) -> None:
    with desk.database.writing() as connection:
        connection.execute(PEOPLE.update().where(PEOPLE.c.email == email).values(values))


@pytest.mark.parametrize("path", ["/usage", "/ledger", "/ledger/ent_1", "/plans", "/admin", "/"])
def test_strangers_are_sent_to_sign_in(desk: Desk, path: str) -> None:
    answer = desk.visitor().get(path)
    assert answer.status_code == 303
    assert answer.location == ("/login" if path in ("/", "/usage") else f"/login?next={path}")


def test_htmx_is_told_in_a_header_so_the_form_never_lands_inside_a_page(desk: Desk) -> None:
    visitor = desk.visitor()
    shown = "http://localhost/ledger?type=debit"
    answer = visitor.part("/usage", "section#balance", HX_Current_URL=shown)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["HX-Redirect"] == "/login?next=/ledger?type%3Ddebit"
    restored = visitor.get("/usage", HX_History_Restore_Request="true", HX_Current_URL="//evil")
    assert restored.headers["HX-Redirect"] == "/login"


def test_an_admin_who_is_downgraded_loses_the_pages_at_once(desk: Desk, olga: Visitor) -> None:
    assert olga.get("/admin").status_code == 200
    change(desk, "olga@portal.example", account_id="acme", role="customer")
    assert olga.get("/admin").status_code == 404


def test_a_person_who_is_disabled_is_out_at_once(desk: Desk, ada: Visitor) -> None:
    change(desk, "ada@acme.example", disabled_at=1)
    assert ada.get("/usage").status_code == 303


def test_a_person_who_is_moved_sees_the_other_account_at_once(desk: Desk, ada: Visitor) -> None:
    assert "Acme Ltd" in ada.get("/usage").text
    change(desk, "ada@acme.example", account_id="bolt")
    assert "Bolt Ltd" in ada.get("/usage").text


def test_cookies_of_flask_and_flask_login_mean_nothing(desk: Desk) -> None:
    visitor = desk.visitor()
    for name in ("remember_token", "session"):
        visitor.client.set_cookie(name, "prs_ada@acme.example|0000")
    assert visitor.get("/usage").status_code == 303


def test_a_session_means_nothing_at_the_services_door(ada: Visitor) -> None:
    assert ada.get("/internal/v1/accounts/acme").status_code == 401


def test_looking_again_within_a_minute_writes_nothing(desk: Desk, ada: Visitor) -> None:
    def seen() -> int:
        with desk.database.reading() as connection:
            found = connection.scalar(sa.select(identity.metadata.tables["sessions"].c.seen_at))
        assert isinstance(found, int)
        return found

    before = seen()
    desk.clock.now += 60_000_000
    ada.get("/usage")
    assert seen() == before
    desk.clock.now += 1
    ada.get("/usage")
    assert seen() == desk.clock.now


def test_pages_are_shown_also_when_nothing_can_be_written(
    desk: Desk, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.clock.now += 120_000_000

    def unavailable() -> object:
        raise BusyError("another writer kept the database")

    monkeypatch.setattr(desk.database, "writing", unavailable)
    assert ada.get("/usage").status_code == 200


def test_over_tls_the_cookie_is_bound_to_the_host(config: Config) -> None:
    secure = Desk(config, public_url="https://localhost")
    secure.account("acme")
    secure.person("ada@acme.example", "acme")
    visitor = secure.visitor()
    answer = visitor.get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-portal=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    secure.database.dispose()


def test_the_operator_decides_how_long_sessions_live(config: Config) -> None:
    short = Desk(config, session_idle_minutes=1)
    short.account("acme")
    short.person("ada@acme.example", "acme")
    visitor = short.signed_in("ada@acme.example")
    short.clock.now += 60_000_000
    assert visitor.get("/usage").status_code == 303
    state: Application = short.state
    state.database.dispose()


def test_two_browsers_are_two_sessions(desk: Desk, ada: Visitor) -> None:
    other = desk.signed_in("ada@acme.example")
    other.post("/logout", {"csrf_token": other.token("/usage")})
    assert other.get("/usage").status_code == 303
    assert ada.get("/usage").status_code == 200
    assert PASSWORD not in ada.get("/usage").text
