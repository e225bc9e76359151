"""The style sheet and the scripts as browsers fetch them: two files, kept in memory and packed.

It knows the order of the scripts; the files of others are sent on as they came, byte for byte.
"""

from collections.abc import Callable
from functools import cache
from gzip import compress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from flask import Flask, Response, current_app, request, url_for

HTMX: Final = "vendor/htmx.org@4.0.1"
SCRIPTS: Final = "scripts.js"
# What is sent under a name: the files it is made of, in order, and the type it has.
MADE_OF: Final = {
    "portal.css": (("portal.css",), "text/css; charset=utf-8"),
    SCRIPTS: (
        (
            f"{HTMX}/htmx.min.js",
            f"{HTMX}/hx-csp.min.js",
            f"{HTMX}/hx-ptag.min.js",
            "portal.js",
        ),
        "text/javascript; charset=utf-8",
    ),
}
# A comment or statement that one script leaves open must not swallow the next.
SEAM: Final = b"\n;\n"


class Asset(NamedTuple):
    """A file as it is sent: plain, packed, and with a digest of what is in it."""

    plain: bytes
    packed: bytes
    kind: str
    digest: str


def register(app: Flask) -> None:
    """Send what is made of several files, or packed, before what lies in the folder as it is."""
    app.view_functions["static"] = sender(app.view_functions["static"])


def sender(lying: Callable[..., Any]) -> Callable[..., Any]:
    """The view of static files: `lying` is the one for all that has no other form."""

    def send(filename: str) -> Any:
        if filename not in MADE_OF:
            return lying(filename=filename)
        found = asset(filename)
        packed = request.accept_encodings.quality("gzip") > 0
        response = Response(found.packed if packed else found.plain, content_type=found.kind)
        if packed:
            response.content_encoding = "gzip"
        response.vary.add("Accept-Encoding")
        response.cache_control.no_cache = True
        response.set_etag(f"{found.digest}-gzip" if packed else found.digest)
        return response.make_conditional(request)

    return send


def address(name: str) -> str:
    """The address of a static file, which changes with its contents: browsers may keep it."""
    digest = asset(name).digest if name in MADE_OF else fingerprint(folder() / name)
    return url_for("static", filename=name, v=digest)


def asset(name: str) -> Asset:
    """What is sent under a name of MADE_OF."""
    return read(folder(), name)


def folder() -> Path:
    """Where the static files lie."""
    return Path(current_app.static_folder or "static")


@cache
def read(root: Path, name: str) -> Asset:
    """Put an asset together from its files; once a process."""
    files, kind = MADE_OF[name]
    plain = SEAM.join((root / file).read_bytes() for file in files)
    return Asset(plain, compress(plain, 9, mtime=0), kind, sha256(plain).hexdigest()[:12])


@cache
def fingerprint(path: Path) -> str:
    """A digest of a file's contents; read once a process."""
    return sha256(path.read_bytes()).hexdigest()[:12]
