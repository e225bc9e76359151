"""The studio under gunicorn, before a served portal, as a browser without scripts sees it."""

from __future__ import annotations

import html
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from portal.cli.demo.studio import SCOPES
from portal.client import Credits
from tests.client.portals import Real, issued
from tests.ledger.stories import lines
from tests.serving import ROOT

ACCOUNTS = tuple(f"ada-{number}" for number in range(60))
TEXT = (
    "It was late in the year, and the lamp would be lit "
    "by nobody but the smallest of all the grey moths."
)
PATIENCE = 60


class Page(NamedTuple):
    """An answer to a browser."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def part(self, name: str) -> str:
        """The text of the element with an id."""
        found = re.search(rf'id="{name}"[^>]*>(.*?)</', self.text, re.DOTALL)
        assert found is not None, f"no {name} in:\n{self.text}"
        return html.unescape(found[1]).strip()

    @property
    def note(self) -> str:
        """The billing note; times are T."""
        return re.sub(r"\d\d:\d\d:\d\d UTC", "T", self.part("billing-note"))

    @property
    def pieces(self) -> int:
        """How many pieces can be fetched."""
        return len(re.findall("<audio ", self.text))

    @property
    def stage(self) -> str:
        """How the job stands."""
        found = re.search(r'<span class="tag">([^<]*)</span>', self.text)
        assert found is not None, self.text
        return found[1]


@dataclass
class Studio:
    """A studio that is being served."""

    authority: str
    log: Path | None = None

    @property
    def told(self) -> str:
        """What it has said."""
        return self.log.read_text() if self.log is not None else ""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.authority.split(":")
        return host, int(port)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Page:
        """One request."""
        connection = http.client.HTTPConnection(self.authority, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        form = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        try:
            connection.request(method, path, body, form | named)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Page(answer.status, answer.headers, text)
        finally:
            connection.close()

    @cached_property
    def token(self) -> str:
        """What a form of this studio carries."""
        found = re.search(r'name="token" value="(\w+)"', self.ask("GET", "/").text)
        assert found is not None
        return found[1]

    def post(self, path: str, **members: str) -> Page:
        """Send a form that came from the studio."""
        return self.ask("POST", path, urlencode({"token": self.token, **members}))


@dataclass
class Story:
    """A customer of 1,000 credits, and what the studio does for them."""

    studio: Studio
    credits: Credits
    account: str
    path: str = ""

    def wish(self, ending: str, operation: str = "generate", **members: str) -> dict[str, str]:
        """A form as it is filled in."""
        key = f"form-{secrets.token_hex(12)}"
        form = {"key": key, "account": self.account, "operation": operation, "ending": ending}
        return form | {"text": TEXT, "quantity": "2"} | members

    def send(self, form: dict[str, str]) -> str:
        """Send a form; the path of its job."""
        answer = self.studio.post("/jobs", **form)
        assert answer.status == 303, answer.text
        self.path = answer.headers["Location"]
        return self.path

    def tell(self, ending: str, operation: str = "generate", **members: str) -> Page:
        """Send a form, and see its job through."""
        return self.see(self.wish(ending, operation, **members))

    def see(self, form: dict[str, str], until: str = "", replays: int = 0) -> Page:
        """Send a form as it is, and see its job through: to a stage, or to so many replays."""
        self.send(form)
        return self._await(
            lambda page: (
                is_at_end(page)
                and page.stage == (until or page.stage)
                and page.part("replays") == (f"{replays} ×" if replays else page.part("replays"))
            )
        )

    def await_note(self, ending: str) -> Page:
        """The job's page once its note ends so."""
        return self._await(lambda page: page.note.endswith(ending))

    def await_charge(self) -> None:
        """Until the account has been charged."""
        give_up = time.monotonic() + PATIENCE
        while "capture" not in self.statement:
            assert time.monotonic() < give_up, self.studio.told
            time.sleep(0.02)

    def at_its_end(self) -> Page:
        """The job's page once nothing is under way."""
        return self._await(is_at_end)

    def _await(self, is_so: Callable[[Page], bool]) -> Page:
        give_up, page = time.monotonic() + PATIENCE, None
        while time.monotonic() < give_up:
            # A worker that is killed takes the answer it was about to give with it.
            with suppress(OSError, http.client.HTTPException):
                page = self.studio.ask("GET", self.path)
                if is_so(page):
                    return page
            time.sleep(0.02)
        raise AssertionError(f"{page}\n{self.studio.told}")

    @property
    def statement(self) -> str:
        """What the account's history has after its first grant, oldest first."""
        return lines(list(self.credits.entries(self.account))[-2::-1])  # type: ignore[arg-type]


def is_at_end(page: Page) -> bool:
    """Whether nothing of the job is under way."""
    return page.stage not in ("waiting", "at work")


@contextmanager
def studio_for(portal: Real, folder: Path, **settings: str) -> Iterator[Studio]:
    """Serve a studio before a portal until the block is left."""
    kid, secret = issued(portal.config, SCOPES)
    environment = {
        "PORTAL_CLIENT_URL": f"http://{portal.authority}",
        "PORTAL_CLIENT_KID": kid,
        "PORTAL_CLIENT_SECRET": secret,
        "STUDIO_ACCOUNTS": ",".join(ACCOUNTS),
        "STUDIO_FOLDER": str(folder / "studio"),
        "STUDIO_STEP_MS": "20",
        **settings,
    }
    log = folder / "studio.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        authority = f"127.0.0.1:{listener.getsockname()[1]}"
        words = ["-m", "gunicorn", "--config", "python:portal.cli.studio"]
        words += ["--bind", f"fd://{listener.fileno()}", "portal.studio.wsgi:application"]
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=os.environ | environment,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=[listener.fileno()],
        )  # fmt: skip
    try:
        yield Studio(authority, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("the studio did not end:\n" + log.read_text()) from None
