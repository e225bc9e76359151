"""The studio's pages: a form, the last jobs, and one job with its credits."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask import url_for as url
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from portal.client import Credits, CreditsError
from portal.studio import settling
from portal.studio.endings import ENDINGS
from portal.studio.jobs import OPERATIONS, QUANTITY_MAX, TEXT_MAX, Job, pieces_of
from portal.studio.notes import signed, time_of_day
from portal.studio.place import place
from portal.studio.telling import Told, tell
from portal.studio.wishes import read_wish

SHOWN: Final = 12
REFRESH: Final = "1"  # seconds until a page about running work is fetched anew
RUNNING: Final = ("waiting", "working")
OPEN: Final = ("undecided", "lost")  # time may end their holds
FIRST: Final = {"operation": "generate", "ending": "success", "quantity": "2", "text": (
    "The lighthouse keeper counted the ships, and the ships counted the lighthouses."
)}  # fmt: skip
STAGES: Final = {
    "waiting": "waiting",
    "working": "at work",
    "finished": "finished",
    "refused": "refused",
    "undecided": "undecided",
    "lost": "worker lost",
}
WORDS: Final = {
    "signed": signed,
    "time_of_day": time_of_day,
    "endings": ENDINGS,
    "operations": OPERATIONS,
    "quantity_max": QUANTITY_MAX,
    "running": RUNNING,
    "stages": STAGES,
    "text_max": TEXT_MAX,
}
blueprint: Final = Blueprint("studio", __name__)


@blueprint.get("/")
def front() -> Response:
    """A form for a new job, what the accounts have, and the last jobs."""
    return front_page(FIRST | {"account": place().accounts[0]}, {})


@blueprint.post("/jobs")
def submit() -> BaseResponse:
    """Take a job; the same form again is the same job."""
    wish, wrong = read_wish(request.form, place().accounts)
    given = wish._asdict() | {"quantity": wish.quantity or ""}
    if wrong:
        return front_page(given, wrong, 422)
    job, is_new = place().shelf.add(wish)
    if job.wish != wish:
        return front_page(given, {"key": "This form was sent for another job."}, 422)
    if is_new:
        place().crew.begin(job)
    else:
        place().crew.repeat(job)
    return see(job)


@blueprint.get("/jobs/<job_id>")
def show(job_id: str) -> Response:
    """One job: what was made, its billing note, and the entries the note is made from."""
    job = get_job(job_id)  # first: an end that is known here is known to the ledger, too
    told, silence = Told([], job.note), ""
    try:
        job, told = told_anew(job)
    except CreditsError as error:
        silence = str(error)
    kept = place().shelf.kept(job.id)
    shown = {"job": job, "told": told, "silence": silence, "kept": kept}
    answer = answered("job.html", shown | {"pieces": pieces_of(job.wish)})
    if job.stage in RUNNING and "still" not in request.args:
        answer.headers["Refresh"] = REFRESH
    return answer


@blueprint.get("/jobs/<job_id>/pieces/<int:number>")
def piece(job_id: str, number: int) -> Response:
    """A piece that was made and kept."""
    job = get_job(job_id)
    sound = place().shelf.find_sound(job.id, number) if job.stage == "finished" else None
    if sound is None:
        abort(404, "Nothing is kept here.")
    return Response(sound, content_type="audio/wav")


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> BaseResponse:
    """Let a job end before its next piece."""
    job = get_job(job_id)
    if job.stage in RUNNING:
        place().crew.call_off(job.id)
    return see(job)


@blueprint.post("/jobs/<job_id>/verdict")
def verdict(job_id: str) -> BaseResponse:
    """Say how a job ended of which nobody knew."""
    job = get_job(job_id)
    if job.stage != "undecided" or not job.hold:
        abort(409, "There is nothing to decide about this job.")
    kept = place().shelf.kept(job.id)
    if request.form.get("verdict") == "good" and kept:
        return settled(job, partial(settling.take, kept=kept), "It went well after all.")
    answer = settled(job, settling.give_back, "It came to nothing.")
    place().shelf.discard(job.id)
    return answer


@blueprint.post("/jobs/<job_id>/refund")
def refund(job_id: str) -> BaseResponse:
    """Take a finished job back, whole."""
    job = get_job(job_id)
    if job.stage != "finished":
        abort(409, "Only a finished job can be refunded.")
    return settled(job, settling.refund, "It was faulty, and was refunded.")


# --- how they are answered ---------------------------------------------------------------------


def front_page(given: Mapping[str, Any], wrong: Mapping[str, str], status: int = 200) -> Response:
    """The front page with a form as it was filled in, and what is wrong with it."""
    balances, silence = [], ""
    try:
        balances = [place().credits.balance(account) for account in place().accounts]
        for job in place().shelf.newest(SHOWN):
            if job.stage in OPEN:
                told_anew(job)
    except CreditsError as error:
        silence = str(error)
    jobs = place().shelf.newest(SHOWN)
    told: dict[str, Any] = {"balances": balances, "silence": silence, "jobs": jobs}
    return answered("front.html", told | {"given": given, "wrong": wrong}, status)


def told_anew(job: Job) -> tuple[Job, Told]:
    """A job as the ledger knows it now; whoever runs it writes the note of its end.

    An answer that was lost here is known there: what is settled is undecided no more.
    """
    told = tell(place().credits, job)
    if job.stage not in RUNNING:
        place().shelf.note(job.id, told.note)
    if job.stage == "undecided" and told.is_settled:
        place().shelf.end(job.id, "finished", job.said)
        job = get_job(job.id)
    return job, told


def settled(job: Job, settle: Callable[[Credits, Job], None], said: str) -> BaseResponse:
    """Settle a job at the portal first; only then is it finished here, too."""
    try:
        settle(place().credits, job)
    except CreditsError as error:
        abort(409, f"The portal did not settle it: {error}")
    place().shelf.end(job.id, "finished", said)
    return see(job)


def see(job: Job) -> BaseResponse:
    """Lead to a job's page."""
    return redirect(url("studio.show", job_id=job.id), 303)


def get_job(job_id: str) -> Job:
    """A job that is known here; 404 for any other."""
    job = place().shelf.find(job_id)
    if job is None:
        abort(404, "There is no such job.")
    return job


def failed(error: HTTPException) -> Response:
    """What was refused, in a sentence; under a name that is not ours no page of ours."""
    if isinstance(error, SecurityError):
        return Response(error.description, 400, content_type="text/plain; charset=utf-8")
    told = {"name": error.name, "said": error.description}
    return answered("error.html", told, error.code or 500)


def answered(template: str, told: Mapping[str, Any], status: int = 200) -> Response:
    """A page in the words of this service."""
    shared = {"accounts": place().accounts, "portal_url": place().portal_url}
    return make_response(render_template(template, **WORDS, **shared, **told), status)
