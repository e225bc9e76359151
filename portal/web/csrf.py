"""The token that proves a form came from our own page: derived from the cookie, stored nowhere."""

import hmac
from typing import Final

from flask import abort, request

from portal.web.headers import SAFE_METHODS, is_page
from portal.web.visitor import visitor_token

FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRFToken"
FORM_MAX: Final = 16 * 1024
# A browser reports what it blocked without any token; that endpoint changes nothing.
EXEMPT: Final = frozenset({"reports.report"})


def csrf_token() -> str:
    """The token for forms of this page: worthless without the cookie, dead with the session."""
    return hmac.new(visitor_token().encode(), b"portal form v1", "sha256").hexdigest()


def check_token() -> None:
    """403 for an unsafe request without the token of its own cookie."""
    if request.method in SAFE_METHODS or not is_page() or request.endpoint in EXEMPT:
        return
    request.max_content_length = FORM_MAX
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), csrf_token().encode()):
        abort(403, "This page is out of date. Reload it and send the form again.")
