"""A customer in a browser: signed in over HTTP, with a page that asks whether anything is new.

The account is this customer's alone and nobody charges it, so that nothing ever is.
"""

import http.client
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from benchmarks.ledgers import Ledger, open_accounts
from benchmarks.requests import written
from portal import identity
from portal.clock import utc_now

ACCOUNT, EMAIL, PASSWORD = "visited", "ada@example.com", "correct horse battery"
BALANCE: Final = re.compile(r'<section id="balance"[^>]* hx-get="([^"]+)"[^>]* hx-ptag="([^"]+)"')
PERIOD: Final = re.compile(r'<option value="([^"]+)" selected>')
TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
# What Chromium sends with each request of a page's script, and htmx with each of the card's.
BROWSER: Final = {
    "Accept": "text/html",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "same-origin",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Safari/537.36",
    "sec-ch-ua": '"Not:A-Brand";v="8", "Chromium";v="141"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
}
HTMX: Final = {
    "HX-Request": "true",
    "HX-Request-Type": "partial",
    "HX-Source": "section#balance",
    "HX-Target": "section#balance",
}


@dataclass
class Visitor:
    """A browser at the portal, and the cookie it was given last."""

    authority: str
    cookie: str = ""

    @classmethod
    def signed_in(cls, made: Ledger, authority: str, since: int | None = None) -> "Visitor":
        """A new customer who has signed in; `since` when they have been one."""
        open_accounts(made, [ACCOUNT], since)
        made.database.run(
            lambda each: identity.add_person(
                each, EMAIL, PASSWORD, account_id=ACCOUNT, now=utc_now()
            )
        )
        visitor = cls(authority)
        visitor.sign_in()
        return visitor

    def sign_in(self) -> None:
        """Fill the sign-in form in."""
        self.send("/login", "/login", email=EMAIL, password=PASSWORD)

    def send(self, page: str, path: str, **form: str) -> None:
        """Send a form, with the token that a page gives to its forms."""
        form["csrf_token"] = found(TOKEN, self.ask("GET", page, 200))[0]
        self.ask("POST", path, 303, urlencode(form))

    def poll(self) -> bytes:
        """What the usage page, as it is now, sends every few seconds while it is looked at."""
        page = self.ask("GET", "/usage", 200)
        path, tag = found(BALANCE, page)
        [period] = found(PERIOD, page)
        [token] = found(TOKEN, page)
        here = f"http://{self.authority}/usage"
        headers = BROWSER | HTMX | {"HX-Current-URL": here, "Referer": here, "HX-PTag": tag}
        headers |= {"Cookie": self.cookie, "X-CSRFToken": token}
        return written("GET", self.authority, f"{path}?period={period}", headers, b"")

    def ask(self, method: str, path: str, status: int, form: str = "") -> str:
        """Ask for a page or send a form. Raises RuntimeError if another status is answered."""
        headers = BROWSER | ({"Cookie": self.cookie} if self.cookie else {})
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection = http.client.HTTPConnection(self.authority, timeout=30)
        try:
            connection.request(method, path, form or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != status:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}:\n{text}")
        if given := answer.getheader("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return text


def found(pattern: re.Pattern[str], page: str) -> tuple[str, ...]:
    """What a pattern finds in a page. Raises RuntimeError if it finds nothing."""
    match = pattern.search(page)
    if match is None:
        raise RuntimeError(f"a page without {pattern.pattern}:\n{page}")
    return match.groups()
