"""Paths on this site, and how to tell them from paths that lead elsewhere."""

import re
from typing import Final
from urllib.parse import urlsplit

LOCAL: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(value: str) -> str | None:
    """The value itself when it is a path on this site: one leading slash, nothing clever."""
    return value if len(value) <= 2000 and LOCAL.fullmatch(value) else None


def path_of(url: str) -> str:
    """Path and query of a URL, "" where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
