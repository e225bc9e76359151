"""What clients asked a portal, and what they were told: the history that a checker reads."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from portal.internal.strict_json import write

# What is told for good, unless a word of it says otherwise; anything else is asked again.
FOR_GOOD = frozenset({200, 201, 400, 401, 402, 403, 404, 409, 413, 415, 422, 423, 500})
AGAIN = (b'"in_progress"', b'"storage_unavailable"')
# Of a command in a batch that another command undid: no status that anybody was answered with.
UNDONE = 424


class Asked(NamedTuple):
    """One intention. key: empty for what has none (a balance read, an account's terms).

    commands: of a batch, each under a key of its own.
    """

    kind: str
    account: str
    path: str
    members: dict[str, Any]
    key: str = ""
    commands: tuple[Asked, ...] = ()

    @property
    def hold(self) -> str:
        """The hold that its path names, if it names one."""
        return self.path.split("/")[2] if self.path.startswith("/holds/") else ""

    @property
    def atomic(self) -> bool:
        """Whether it is a batch of which all is to be done or nothing."""
        return bool(self.commands) and bool(self.members["atomic"])


class _Told(NamedTuple):
    asked: Asked
    began: float
    ended: float
    status: int
    body: bytes
    replayed: bool
    lost: int
    batch: Asked | None = None


class Told(_Told):
    """One sending, repeated until somebody answered: seconds of a clock that never goes back.

    status: 0 where nobody answered in the end; lost: tries that may have done it, unheard; batch:
    the one that a command was asked and told in.
    """

    @property
    def answer(self) -> dict[str, Any]:
        """The members of the answer."""
        found: dict[str, Any] = json.loads(self.body) if self.body else {}
        return found

    @property
    def code(self) -> str:
        """Of a refusal, why."""
        return str(self.answer.get("code", "")) if self.status >= 400 else ""

    @property
    def is_for_good(self) -> bool:
        """Whether there is nothing left to ask again for; of a batch, for any of its commands."""
        return self.status in FOR_GOOD and not any(word in self.body for word in AGAIN)

    @property
    def undid(self) -> bool:
        """Whether it refused a command, and with it all of its batch: then no key is bound."""
        return self.status >= 400 and self.batch is not None and self.batch.atomic


def batch_of(commands: Sequence[Asked], *, atomic: bool) -> Asked:
    """Commands that are asked for together, under their own keys."""
    written = [
        {"command": each.kind, "idempotency_key": each.key, **each.members}
        | ({"hold": each.hold} if each.hold else {})
        for each in commands
    ]
    members = {"commands": written, "atomic": atomic}
    return Asked("batch", "", "/batch", members, new_key(), tuple(commands))


def parts(told: Told) -> list[Told]:
    """What is told of each command, as if each had been asked for alone; nothing of those that
    have to be asked for again.
    """
    asked = told.asked
    if not asked.commands:
        return [told]
    if told.status == 201:
        answers = [
            (each["status"], write(each["body"]).encode(), each["replayed"])
            for each in told.answer["results"]
        ]
    else:
        whole, rest = (told.status, told.body, False), (UNDONE, b'{"code": "undone"}', False)
        index = told.answer.get("index")
        answers = [
            whole if index == place or not told.status else rest
            for place in range(len(asked.commands))
        ]
    found = [
        Told(each, told.began, told.ended, *answer, told.lost, asked)
        for each, answer in zip(asked.commands, answers, strict=False)
    ]
    return [each for each in found if each.is_for_good or each.status in (0, UNDONE)]


def new_key() -> str:
    """A key that nobody has used."""
    return f"soak-{secrets.token_hex(12)}"
