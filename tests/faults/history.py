"""What clients asked a portal, and what they were told: the history that a checker reads."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One intention. key: empty for what has none (a balance read, an account's terms)."""

    kind: str
    account: str
    path: str
    members: dict[str, Any]
    key: str = ""


class _Told(NamedTuple):
    asked: Asked
    began: float
    ended: float
    status: int
    body: bytes
    replayed: bool
    lost: int


class Told(_Told):
    """One sending, repeated until somebody answered: seconds of a clock that never goes back.

    status: 0 where nobody answered in the end; lost: tries that may have done it, unheard.
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
