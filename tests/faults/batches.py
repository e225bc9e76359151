"""What holds for a batch as a whole, beside what holds for each of its commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal.internal.strict_json import write
from tests.faults.history import Asked, Told


def check_batches(
    history: Sequence[Told],
    sendings: Sequence[Told],
    made: Mapping[str, Any],
    rows: Mapping[str, Sequence[Any]],
) -> Iterator[str]:
    """Violations. sendings: all commands told of; made: by key, the row that came of it."""
    began: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for told in sendings:
        if told.lost or not told.undid:  # what was undone has done nothing
            began[told.asked.key].append((told.began, told.batch.key if told.batch else ""))
    answers: dict[str, list[Told]] = defaultdict(list)
    for told in history:
        if told.asked.commands and told.status:
            yield from check_answer(told)
            answers[told.asked.key].append(told)
    for each in answers.values():
        done = [told for told in each if told.status == 201]
        if done and done[0].asked.atomic and is_alone(done, began):
            yield from check_whole(done, made, rows)


def check_answer(told: Told) -> Iterator[str]:
    """An answer says one thing of each command, in order, or of the one that undid them all."""
    asked, answer = told.asked, told.answer
    if write(answer).encode() != told.body:
        yield f"batch: {asked.key} is answered in other JSON"
    if told.status != 201:
        place = answer.get("index", -1)
        named = asked.commands[place].key if 0 <= place < len(asked.commands) else None
        if not asked.atomic or named != answer.get("idempotency_key", ""):
            yield f"batch: {asked.key} is refused as a whole: {told.status} {answer}"
        return
    results = answer["results"]
    if len(results) != len(asked.commands):
        yield f"batch: {asked.key} has {len(results)} answers to {len(asked.commands)} commands"
    if told.replayed != all(each["replayed"] for each in results):
        yield f"batch: {asked.key} is marked as a replay, or not: {told.replayed}"
    if asked.atomic and any(each["status"] != 201 for each in results):
        yield f"batch: {asked.key} is done in part"
    latest: dict[str, int] = {}
    for entry in (each["body"]["entry"] for each in results if is_fresh(each)):
        if entry["seq"] <= latest.get(entry["account"], 0):
            yield f"batch: {asked.key} is done in another order, at {entry['id']}"
        latest[entry["account"]] = entry["seq"]


def is_fresh(result: Mapping[str, Any]) -> bool:
    """Whether a command was done now."""
    return result["status"] == 201 and not result["replayed"]


def is_alone(done: Sequence[Told], began: Mapping[str, Sequence[tuple[float, str]]]) -> bool:
    """Whether nobody else asked for any of its commands until it was done."""
    asked, ended = done[0].asked, min(told.ended for told in done)
    return all(
        batch == asked.key or at > ended
        for command in asked.commands
        for at, batch in began[command.key]
    )


def check_whole(
    done: Sequence[Told], made: Mapping[str, Any], rows: Mapping[str, Sequence[Any]]
) -> Iterator[str]:
    """A batch of which all is done or nothing was done at once: no answer finds a part of it done,
    and nobody's entries lie between its own.
    """
    asked = done[0].asked
    for told in done:
        first: dict[str, bool] = {}
        for command, result in zip(asked.commands, told.answer["results"], strict=False):
            first.setdefault(command.key, result["replayed"])
        if len(set(first.values())) > 1:
            yield f"batch: {asked.key} was done in part before"
    keys = {command.key for command in asked.commands}
    spans: dict[str, list[int]] = defaultdict(list)
    for row in (made[key] for key in keys if made.get(key) is not None):
        spans[row.account_id].append(row.seq)
    for account, seqs in spans.items():
        between = rows[account][min(seqs) - 1 : max(seqs)]
        if others := [row.id for row in between if row.idempotency_key not in {None, *keys}]:
            yield f"batch: {asked.key} was not done at once: {others[0]} lies within"


def before(told: Told) -> list[Asked]:
    """The commands that a command came after in its batch, on the same account, each key once."""
    assert told.batch is not None
    found = {each.key: each for each in told.batch.commands[: told.answer.get("index", 0)]}
    return [each for each in found.values() if each.account == told.asked.account]


def touches(one: Asked, other: Asked) -> bool:
    """Whether two commands are about the same hold, charge or job."""
    return subject_of(one) == subject_of(other)


def subject_of(asked: Asked) -> tuple[object, ...]:
    """What a command is about."""
    if asked.hold or asked.kind == "refund":
        return asked.hold, asked.members.get("entry")
    reference = asked.members["reference"]
    return asked.account, asked.members["operation"], reference["type"], reference["id"]


def seqs_at(told: Told, writers: Iterable[tuple[float, float, int]], last: int) -> range:
    """The seqs that may have been the newest of an account when something was decided.

    writers: when each of its entries was asked for and answered, and its seq.
    """
    low, high = 0, last
    for began, ended, seq in writers:
        if ended < told.began:
            low = max(low, seq)
        if began > told.ended:
            high = min(high, seq - 1)
    return range(low, high + 1)
