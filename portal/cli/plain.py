"""Signed POSTs and polls in their plainest form, between bytes and WSGI; nothing odd is read here.

A general parser spends as long on a request as the door does. This one knows two shapes, by
which clients of the door and browsers that poll speak, and reads them as the server's own would; of
anything else it says that it is not plain, and the server's own reads it. It holds no connection
and sends nothing.
"""

import re
from io import BytesIO
from typing import Any, Final, NamedTuple

from gunicorn import util
from gunicorn.http import wsgi

from portal import internal
from portal.web import polls

POST: Final = f"POST {internal.blueprint.url_prefix}/".encode()
POLL: Final = f"GET {polls.PATH}?".encode()
PREFIXES: Final = (POST, POLL)
# Batches have a queue of their own: those who wait for the next group do not wait for them.
BATCH: Final = POST + b"batch "
SIZE_MAX: Final = 64 * 1024
END: Final = b"\r\n\r\n"
# A path without an escape, names without an underscore, values in ASCII without a blank around.
HEAD: Final = re.compile(
    rb"(POST|GET) ((/[A-Za-z0-9._:~/-]{1,256})(?:\?([A-Za-z0-9._:~=&-]{1,256}))?) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]{1,64}: [!-~](?:[ -~]{0,4000}[!-~])?\r\n){1,40})\r\n"
)
DIGITS: Final = re.compile(r"[0-9]{1,6}")
UNCHANGED: Final = "304 "  # has no body, and tells no length of one
# What changes how a request is read, or what is said of it; the server knows how far it is true.
NOT_PLAIN: Final = frozenset(
    "HTTP_" + name
    for name in (
        "TRANSFER_ENCODING",
        "EXPECT",
        "UPGRADE",
        "HTTP2_SETTINGS",
        "TE",
        "TRAILER",
        "PROXY",
        "SCRIPT_NAME",
        "PATH_INFO",
    )
)
ENTITY: Final = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}
Headers = list[tuple[str, str]]
_KEYS: Final[dict[str, str]] = {}
KEYS_MAX: Final = 1_000
SPOKEN: Final = re.compile(r"HTTP/1\.1 [0-9]{3} [ -~]*\r\n(?:[A-Za-z0-9-]++: [ -~]*+\r\n)++")


class Plain(NamedTuple):
    """A plain request: its size in bytes, what WSGI says of it, and whether its client stays."""

    size: int
    environ: dict[str, Any]
    stays: bool


def read_plain(seen: bytes) -> Plain | None:
    """The plain request that `seen` begins with; None if odd, a batch, or not here as a whole.

    What depends on the server and on the connection is still to be added to its environ.
    """
    end = seen.find(END)
    head = HEAD.fullmatch(seen, 0, end + len(END)) if end > 0 else None
    if head is None or not seen.startswith(PREFIXES) or seen.startswith(BATCH):
        return None
    method, target, path, query, lines = (part.decode("ascii") for part in head.groups(b""))
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "RAW_URI": target,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
    }
    for line in lines.split("\r\n")[:-1]:
        name, _, value = line.partition(": ")
        key = _KEYS.get(name) or _key_of(name)
        if key in environ or key in NOT_PLAIN:
            return None
        environ[key] = value
    length = environ.get("CONTENT_LENGTH", "0" if method == "GET" else "")
    connection = environ.get("HTTP_CONNECTION", "keep-alive").lower()
    if not DIGITS.fullmatch(length) or connection not in ("keep-alive", "close"):
        return None
    size = head.end() + int(length)
    if size > len(seen) or "HTTP_HOST" not in environ:
        return None
    environ["wsgi.input"] = BytesIO(seen[head.end() : size])
    return Plain(size, environ, connection == "keep-alive")


def spoken(status: str, headers: Headers, body: bytes, *, stays: bool) -> bytes:
    """An answer as bytes. Raises ValueError where a header is none."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Server: {wsgi.SERVER}",
        f"Date: {util.http_date()}",
        f"Connection: {'keep-alive' if stays else 'close'}",
        *[f"{name}: {value}" for name, value in headers],
    ]
    told = any(name.lower() == "content-length" for name, _ in headers)
    if not told and not status.startswith(UNCHANGED):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, ""])
    if not SPOKEN.fullmatch(head) or head.count("\r\n") != len(lines):
        raise ValueError("a header of the answer is not plain")
    return (head + "\r\n").encode("ascii") + body


def _key_of(name: str) -> str:
    """What WSGI calls a header; remembered for as many as clients of one kind send."""
    upper = name.upper()
    key = ENTITY.get(upper) or "HTTP_" + upper.replace("-", "_")
    if len(_KEYS) < KEYS_MAX:
        _KEYS[name] = key
    return key
