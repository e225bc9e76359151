"""POST /batch: up to 1,000 commands, each with a key and an answer of its own, or all or none."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from flask import Response, request

from portal import current, ledger, pricing
from portal.internal import rules
from portal.internal.answers import find_sentence, written
from portal.internal.blueprint import blueprint, is_storage
from portal.internal.bodies import BatchBody
from portal.internal.caps import Answer, Counted, submit_capped
from portal.internal.debits import debit_asked
from portal.internal.disclosure import disclosed
from portal.internal.door import Caller, caller, find_denied
from portal.internal.errors import DoorError, Fault, ScopeDeniedError, ValidationError
from portal.internal.flat import flat_posted
from portal.internal.holds import capture_asked, extend_asked, hold_asked, release_asked
from portal.internal.named import Named
from portal.internal.problems import (
    COMMANDS,
    TABLE,
    as_door_error,
    internal_error_body,
    problem,
    problem_answer,
    problem_body,
)
from portal.internal.refunds import refund_asked
from portal.internal.strict_json import write
from portal.internal.turns import CrowdedError, Turns

log = logging.getLogger(__name__)
REFUSED: Final = (DoorError, ledger.LedgerError, pricing.PricingError)


PREFIX: Final = blueprint.url_prefix or ""
TURNS: Final = Turns()
ABOUT: Final = frozenset({"command", "idempotency_key"})  # members beside the command's own


class Kind(NamedTuple):
    """A command as it is asked for alone: its endpoint, its path, and what reads its members."""

    endpoint: str
    path: str
    read: Callable[..., Counted]

    @property
    def of_hold(self) -> bool:
        """Whether its path names a hold."""
        return "{}" in self.path


KINDS: Final = {
    "debit": Kind("internal.post_debit", "/debits", debit_asked),
    "hold": Kind("internal.place_hold", "/holds", hold_asked),
    "capture": Kind("internal.capture_hold", "/holds/{}/capture", capture_asked),
    "release": Kind("internal.release_hold", "/holds/{}/release", release_asked),
    "extend": Kind("internal.extend_hold", "/holds/{}/extend", extend_asked),
    "refund": Kind("internal.post_refund", "/refunds", refund_asked),
}


@blueprint.post("/batch")
def post_batch() -> Response:
    """Do many commands in one database transaction.

    Nothing is bound to the key of the batch: each command has its own, and repeats by it.
    """
    asking = caller()
    try:
        # Until all of it is gone again: a look for cycles would find what is still in use.
        with TURNS.place(asking.key.service), ledger.uncollected():
            return answered(asking)
    except CrowdedError as crowded:
        away = ledger.StorageUnavailableError()
        return problem(away, request.path, detail=str(crowded))


def answered(asking: Caller) -> Response:
    """The answer to a batch, which is read when its turn comes."""
    with TURNS.turn():
        body = BatchBody.read(asking.members())
        asking = asking.within(named_by(asking.key.service, body.commands))
        denied = {name: find_denied(asking.key, kind.endpoint) for name, kind in KINDS.items()}
        asked = [read(asking, members, denied) for members in body.commands]
    try:
        answers = submit(asking, asked, atomic=body.atomic)
    except ledger.UndoneError as undone:
        return undone_answer(undone, asked[undone.place])
    results = [each.result(answer) for each, answer in zip(asked, answers, strict=True)]
    request.environ[COMMANDS] = Counter((each.status, each.code) for each in results)
    text = ",".join(map(str, results))
    return written(201, f'{{"results":[{text}]}}', replayed=all(each.replayed for each in results))


class Result(NamedTuple):
    """What became of a command: status and body of an answer to it alone; the code of a problem."""

    status: int
    body: str
    replayed: bool
    code: str | None = None

    def __str__(self) -> str:
        replayed = "true" if self.replayed else "false"
        return f'{{"status":{self.status},"body":{self.body},"replayed":{replayed}}}'


class Asked(NamedTuple):
    """One command as it would be asked for alone: by whom, where, and what; or why not at all."""

    asking: Caller
    kind: Kind
    given: tuple[str, ...] | None
    counted: Counted | Exception

    @property
    def instance(self) -> str:
        """Its path; the batch's where no hold can be named by it."""
        return request.path if self.given is None else PREFIX + self.kind.path.format(*self.given)

    def result(self, answer: Answer) -> Result:
        """What became of it."""
        if isinstance(answer, ledger.Posted):
            return Result(201, flat_posted(answer), answer.replayed)
        outcome = self._disclosed(answer)
        body = self._problem(outcome)
        replayed = isinstance(outcome, ledger.Refused) and outcome.replayed
        return Result(body["status"], write(body), replayed, body["code"])

    def refusal(self, error: Exception, refusal_id: str | None) -> dict[str, Any]:
        """The problem by which it undid all others. refusal_id: the one bound to its key."""
        answer: Answer = error
        if isinstance(error, ledger.LedgerError | pricing.PricingError):
            answer = ledger.Refused(error, refusal_id=refusal_id)
        return self._problem(self._disclosed(answer))

    def _disclosed(self, answer: Answer) -> Answer:
        if isinstance(answer, Exception) or isinstance(self.counted, Exception):
            return answer
        asking = self.asking
        return disclosed(answer, self.counted.command, asking.key.service, asking.named)

    def _problem(self, answer: Answer) -> dict[str, Any]:
        """The members of a problem; of one that nobody foresaw, too."""
        match answer, self.counted:
            case ledger.Refused() as refused, Counted() as counted:
                told = find_sentence(refused, counted.command, self.asking)
                id_, error = refused.refusal_id, refused.error
                return problem_body(error, self.instance, refusal=id_, detail=told)
            case Exception() as failure, _ if type(as_door_error(failure)) in TABLE:
                return problem_body(failure, self.instance)
            case Exception() as failure, _:
                log.error("a command of a batch failed", exc_info=failure)
                if is_storage(failure):
                    return problem_body(ledger.StorageUnavailableError(), self.instance)
        return internal_error_body(self.instance)


def named_by(service: str, commands: Sequence[dict[str, Any]]) -> Named:
    """The holds, entries and keys of all commands, to be looked up together."""
    holds, entries = (
        {each[name] for each in commands if name in each and rules.public_id(each[name], name, [])}
        for name in ("hold", "entry")
    )
    keys = {each["idempotency_key"] for each in commands}
    return Named(service, holds=holds, entries=entries, keys=keys)


def read(
    asking: Caller, members: dict[str, Any], denied: Mapping[str, ScopeDeniedError | None]
) -> Asked:
    """One command of a batch; what is refused at the door, it is refused alone."""
    rest = {**members}
    name, own = rest.pop("command"), asking.under(rest.pop("idempotency_key"))
    kind, refused = KINDS[name], denied[name]
    faults: list[Fault] = []
    given: tuple[str, ...] | None = ()
    if kind.of_hold:
        hold_id = rules.public_id(rest.pop("hold", None), "hold", faults)
        given = None if faults else (hold_id,)
    if refused is not None:
        return Asked(own, kind, given, refused)
    if given is None:
        return Asked(own, kind, given, ValidationError(faults))
    try:
        return Asked(own, kind, given, kind.read(own, *given, rest))
    except REFUSED as error:
        return Asked(own, kind, given, error)


def submit(asking: Caller, asked: Sequence[Asked], *, atomic: bool) -> list[Answer]:
    """The answer to each command, in order.

    Raises UndoneError where all are done or none; by what no ledger needs to refuse, first.
    """
    wrong = {place: each.counted for place, each in enumerate(asked)
             if isinstance(each.counted, Exception)}  # fmt: skip
    if atomic and wrong:
        raise ledger.UndoneError(*min(wrong.items()))
    counted = [each.counted for each in asked if isinstance(each.counted, Counted)]
    done = partial(current.submit_all, atomic=atomic)
    answers = iter(submit_capped(asking, counted, done, atomic=atomic))
    return [wrong.get(place) or next(answers) for place in range(len(asked))]


def undone_answer(undone: ledger.UndoneError, asked: Asked) -> Response:
    """The problem of the command that undid all, and which one that was."""
    body = asked.refusal(undone.error, undone.refusal_id)
    member = f"commands.{undone.place}"
    body["detail"] = f"Nothing was done, as {member} was refused: {body['detail']}"
    key = asked.asking.idempotency_key
    return problem_answer(
        {**body, "instance": request.path, "index": undone.place, "idempotency_key": key}
    )
