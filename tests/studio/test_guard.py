"""Nobody spends through the studio but its own forms, on this machine."""

import pytest
from flask.testing import FlaskClient

from tests.studio.conftest import form_of


def refused(browser: FlaskClient, **changed: str) -> int:
    form = form_of(browser, ending="refused")
    return browser.post("/jobs", data=form | changed).status_code


def test_a_form_of_its_own_is_taken(browser: FlaskClient) -> None:
    assert refused(browser) == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_form_without_its_token_is_refused(browser: FlaskClient, token: str) -> None:
    assert refused(browser, token=token) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_of_another_site_is_refused_whatever_it_carries(
    browser: FlaskClient, site: str
) -> None:
    """The portal on the port beside is another origin, too."""
    form = form_of(browser)
    answer = browser.post("/jobs", data=form, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    same = {"Sec-Fetch-Site": "same-origin"}
    form["ending"] = "refused"
    assert browser.post("/jobs", data=form, headers=same).status_code == 303


@pytest.mark.parametrize("path", ["cancel", "verdict", "refund"])
def test_every_other_form_is_guarded_alike(browser: FlaskClient, path: str) -> None:
    assert browser.post(f"/jobs/job-1/{path}").status_code == 403


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "", "somebody"])
def test_whoever_is_elsewhere_sees_nothing(browser: FlaskClient, address: str) -> None:
    answer = browser.get("/", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert "acme" not in answer.text


def test_another_name_for_this_machine_is_refused(browser: FlaskClient) -> None:
    """A name that somebody else's server hands out may lead here."""
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert browser.get("/", headers={"Host": "localhost:8001"}).status_code == 200


def test_a_form_is_short(browser: FlaskClient) -> None:
    assert refused(browser, text="x" * 40_000) == 413


def test_a_page_may_load_its_own_style_and_sounds_and_nothing_else(browser: FlaskClient) -> None:
    for path in ("/", "/jobs/none", "/static/studio.css"):
        with browser.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'")
            assert "script-src" not in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in browser.get("/").headers["Cache-Control"]
    assert "<script" not in browser.get("/").text
