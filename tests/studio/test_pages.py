"""What the pages refuse, and what they show where the portal is silent; the rest is in stories."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.studio import create_studio
from tests.client.portals import Scripted, says
from tests.studio.conftest import ONCE, WISH, form_of, place_of
from tests.studio.test_telling import PLACED, TAKEN


def test_a_form_with_faults_comes_back_as_it_was(app: Flask, browser: FlaskClient) -> None:
    form = form_of(browser, text="", account="northwind", ending="moderated")
    answer = browser.post("/jobs", data=form)
    assert answer.status_code == 422
    assert 'aria-describedby="text-fault"' in answer.text
    assert "Write 1 to 2,000 characters." in answer.text
    assert '<option value="moderated" selected>' in answer.text
    assert place_of(app).shelf.newest(1) == []


def test_a_form_is_good_for_one_job(browser: FlaskClient) -> None:
    form = form_of(browser, ending="refused")
    assert browser.post("/jobs", data=form).status_code == 303
    assert browser.post("/jobs", data=form).status_code == 303
    answer = browser.post("/jobs", data=form | {"text": "Something else"})
    assert answer.status_code == 422
    assert "This form was sent for another job." in answer.text


def test_what_is_written_is_shown_as_text(app: Flask, browser: FlaskClient) -> None:
    shelf = place_of(app).shelf
    job, _ = shelf.add(WISH._replace(text="<b>&amp;"))
    shelf.keep(job.id, 0, b"RIFF")
    shelf.end(job.id, "finished", "It is done.")
    page = browser.get(f"/jobs/{job.id}").text
    assert "<b>" not in page
    assert 'value="&lt;b&gt;&amp;amp;"' in page


def test_a_silent_portal_is_told_and_the_last_note_shown(app: Flask, browser: FlaskClient) -> None:
    shelf = place_of(app).shelf
    job, _ = shelf.add(WISH)
    shelf.end(job.id, "lost", "")
    shelf.note(job.id, "This is the last note.")
    for path in ("/", f"/jobs/{job.id}"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "The portal does not" in page.text
        assert "This is the last note." in page.text


def test_the_list_says_how_each_job_ended_and_why(app: Flask, browser: FlaskClient) -> None:
    shelf = place_of(app).shelf
    ended = {"refused": "The studio does not take this on.", "finished": "The work failed."}
    for number, (stage, said) in enumerate(ended.items()):
        job, _ = shelf.add(WISH._replace(key=f"form-0123456789abcde{number}"))
        shelf.end(job.id, stage, said)
    shelf.add(WISH)
    page = browser.get("/").text
    jobs = r'<span class="tag">(.+?)</span></h3>.*?<p class="said">(.+?)</p>'
    told = re.findall(jobs, page, re.DOTALL)
    assert told == [("waiting", "It is under way."), *reversed(ended.items())]


def test_times_of_entries_name_their_zone_once(environment: dict[str, str]) -> None:
    with Scripted([says(200, {"entries": [TAKEN, PLACED], "next": None})]) as portal:
        app = create_studio(environment | {"PORTAL_CLIENT_URL": portal.url}, ONCE)
        job, _ = place_of(app).shelf.add(WISH)
        place_of(app).shelf.end(job.id, "finished", "It is done.")
        page = app.test_client().get(f"/jobs/{job.id}").text
        place_of(app).crew.stop(10)
        place_of(app).credits.close()
    assert re.findall(r'data-label="At \(UTC\)">(.+?)</td>', page) == ["13:52:00"] * 2


def test_a_page_about_running_work_comes_again_unless_told(
    app: Flask, browser: FlaskClient
) -> None:
    shelf = place_of(app).shelf
    job, _ = shelf.add(WISH)
    assert browser.get(f"/jobs/{job.id}").headers["Refresh"] == "1"
    assert "Refresh" not in browser.get(f"/jobs/{job.id}?still=1").headers
    shelf.end(job.id, "finished", "It is done.")
    assert "Refresh" not in browser.get(f"/jobs/{job.id}").headers


@pytest.mark.parametrize("stage", ["working", "undecided", "lost", "refused"])
def test_nothing_is_handed_out_before_the_end(app: Flask, browser: FlaskClient, stage: str) -> None:
    shelf = place_of(app).shelf
    job, _ = shelf.add(WISH)
    shelf.keep(job.id, 0, b"RIFF")
    shelf.end(job.id, stage, "")
    assert browser.get(f"/jobs/{job.id}/pieces/0").status_code == 404
    shelf.end(job.id, "finished", "")
    assert browser.get(f"/jobs/{job.id}/pieces/0").data == b"RIFF"


def test_what_is_not_there_is_not_found(browser: FlaskClient) -> None:
    form = form_of(browser)
    for path in ("/jobs/none", "/jobs/none/pieces/0", "/nowhere"):
        assert browser.get(path).status_code == 404
    for path in ("cancel", "verdict", "refund"):
        assert browser.post(f"/jobs/none/{path}", data=form).status_code == 404


@pytest.mark.parametrize(
    ("path", "stage", "hold"),
    [
        ("verdict", "finished", "hld_1"),
        ("verdict", "undecided", ""),
        ("verdict", "undecided", "hld_1"),  # the portal does not answer
        ("refund", "undecided", "hld_1"),
        ("refund", "finished", "hld_1"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(
    app: Flask, browser: FlaskClient, path: str, stage: str, hold: str
) -> None:
    shelf = place_of(app).shelf
    job, _ = shelf.add(WISH)
    shelf.begin(job.id, hold)
    shelf.keep(job.id, 0, b"RIFF")
    shelf.end(job.id, stage, "before")
    form = {"token": form_of(browser)["token"], "verdict": "bad"}
    assert browser.post(f"/jobs/{job.id}/{path}", data=form).status_code == 409
    after = shelf.get(job.id)
    assert (after.stage, after.said, shelf.kept(job.id)) == (stage, "before", [0])


def test_what_the_ledger_knows_to_be_settled_is_undecided_no_more(
    environment: dict[str, str],
) -> None:
    """The answer to a capture was lost here; the entry is there."""
    with Scripted([says(200, {"entries": [TAKEN, PLACED], "next": None})]) as portal:
        app = create_studio(environment | {"PORTAL_CLIENT_URL": portal.url}, ONCE)
        shelf = place_of(app).shelf
        job, _ = shelf.add(WISH)
        shelf.begin(job.id, "hld_1")
        shelf.keep(job.id, 0, b"RIFF")
        shelf.end(job.id, "undecided", "Nobody answered.")
        page = app.test_client().get(f"/jobs/{job.id}").text
        place_of(app).crew.stop(10)
        place_of(app).credits.close()
    assert shelf.get(job.id).stage == "finished"
    assert "It went well" not in page
    assert "<audio" in page
