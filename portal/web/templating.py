"""What templates may say: formats, wording, htmx attributes and addresses of static files."""

from typing import Final

from flask import Flask
from jinja2 import StrictUndefined

from portal.web import assets, formats, reasons, wording
from portal.web.csrf import FIELD, HEADER, csrf_token
from portal.web.headers import hx, nonce

# Only these two extensions may register; nothing injects a style; nothing waits for ever.
HTMX_CONFIG: Final = 'extensions:"hx-csp,ptag", defaultTimeout:15000, includeIndicatorCSS:false'


def register(app: Flask) -> None:
    """Give every template the same words; a name nobody defined is an error, not an empty text."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {
        "asset": assets.address,
        "csrf_field": FIELD,
        "csrf_header": HEADER,
        "csrf_token": csrf_token,
        "formats": formats,
        "htmx_config": HTMX_CONFIG,
        "hx": hx,
        "nonce": nonce,
        "reasons": reasons,
        "scripts": assets.SCRIPTS,
        "wording": wording,
    }
    environment.filters |= {"credits": formats.credits, "signed": formats.signed}
    # Blocks are also rendered alone, where a template's own imports are not seen.
    environment.globals["ui"] = environment.get_template("ui.html").module
