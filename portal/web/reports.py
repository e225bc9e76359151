"""Where browsers report what the content security policy blocked; it keeps a log, no rows."""

import json
from typing import Final

from flask import Blueprint, Response, current_app, request

from portal import current

bp = Blueprint("reports", __name__)

SIZE_MAX: Final = 8 * 1024
PER_MINUTE: Final = 30
FIELDS: Final = ("document-uri", "violated-directive", "blocked-uri", "source-file", "line-number")


class Budget:
    """At most so many reports a minute from one process: a report must not fill the disk."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = 0
        self._spent = 0

    def allows(self, now: int) -> bool:
        """Whether one more report fits into this minute."""
        minute = now // 60_000_000
        if minute != self._minute:
            self._minute, self._spent = minute, 0
        self._spent += 1
        return self._spent <= self._per_minute


budget = Budget(PER_MINUTE)


@bp.post("/csp-reports")
def report() -> Response:
    """Log one report on one line of JSON; anything else is dropped in silence."""
    request.max_content_length = SIZE_MAX
    try:
        found = request.get_json(force=True, silent=True)
    except RecursionError:  # nested too deeply to be a browser's
        found = None
    blocked = found.get("csp-report") if isinstance(found, dict) else None
    if isinstance(blocked, dict) and budget.allows(current.now()):
        told = {name: str(blocked.get(name, ""))[:200] for name in FIELDS}
        current_app.logger.warning("blocked by the content security policy: %s", json.dumps(told))
    return Response(status=204)
