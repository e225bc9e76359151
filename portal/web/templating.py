"""What templates may say: formats, wording, htmx attributes and addresses of static files."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Flask, current_app, url_for
from jinja2 import StrictUndefined

from portal.web import formats, reasons, wording
from portal.web.csrf import FIELD, HEADER, csrf_token
from portal.web.headers import hx, nonce

# Only these two extensions may register; nothing injects a style; nothing waits for ever.
HTMX_CONFIG: Final = 'extensions:"hx-csp,ptag", defaultTimeout:15000, includeIndicatorCSS:false'
HTMX: Final = "vendor/htmx.org@4.0.1"
SCRIPTS: Final = (
    f"{HTMX}/htmx.min.js",
    f"{HTMX}/hx-csp.min.js",
    f"{HTMX}/hx-ptag.min.js",
    "portal.js",
)


def register(app: Flask) -> None:
    """Give every template the same words; a name nobody defined is an error, not an empty text."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {
        "asset": asset,
        "csrf_field": FIELD,
        "csrf_header": HEADER,
        "csrf_token": csrf_token,
        "formats": formats,
        "htmx_config": HTMX_CONFIG,
        "hx": hx,
        "nonce": nonce,
        "reasons": reasons,
        "scripts": SCRIPTS,
        "wording": wording,
    }
    environment.filters |= {"credits": formats.credits, "signed": formats.signed}
    # Blocks are also rendered alone, where a template's own imports are not seen.
    environment.globals["ui"] = environment.get_template("ui.html").module


def asset(name: str) -> str:
    """The address of a static file, which changes with its contents: browsers may keep it."""
    root = current_app.static_folder or "static"
    return url_for("static", filename=name, v=fingerprint(f"{root}/{name}"))


@cache
def fingerprint(path: str) -> str:
    """A digest of a file's contents; read once a process."""
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
