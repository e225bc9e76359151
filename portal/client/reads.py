"""What a service may read at the portal; nothing here changes anything."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote as escaped
from urllib.parse import urlencode

from portal.client import arguments
from portal.client.answers import Account, Balance, Entry, Hold, Outcome, read
from portal.client.errors import GarbledAnswerError, RequestNotFoundError
from portal.client.members import named, timed
from portal.client.sending import ROOT, Asked, Sender

PAGE: Final = 200  # entries that one request reads
Texts = str | Sequence[str]
_AS_OF: Final = arguments.one_of("a seq or a time as text", int, str)


def _some(place: str, given: Any) -> None:
    """Whether it is a text, or a list of them."""
    if not isinstance(given, str):
        arguments.listed(place, given, "a text or a list of texts")
        arguments.texts(place, given)


_ASKED: Final = {
    "newest": arguments.optional(arguments.whole),
    "before": arguments.optional(arguments.whole),
    "kind": arguments.optional(_some),
    "operation": arguments.optional(_some),
    "reference": arguments.optional(arguments.text),
}


class Reads:
    """Reads in the name of one service."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def balance(self, account: str, *, as_of: int | str | None = None) -> Balance:
        """An account's balance; as_of: right after an entry's seq, or as known at a time (text)."""
        arguments.optional(_AS_OF)("as_of", as_of)
        path = f"/accounts/{named('account', account)}/balance"
        query = "" if as_of is None else urlencode({"as_of": as_of})
        return read(Balance, self._get(path, query).get("balance"))

    def account(self, account: str) -> Account:
        """An account and its terms."""
        path = f"/accounts/{named('account', account)}"
        return read(Account, self._get(path).get("account"))

    def get_hold(self, hold: str) -> Hold:
        """How a hold stands. Raises HoldNotFoundError."""
        return read(Hold, self._get(f"/holds/{named('hold', hold)}").get("hold"))

    def entries(
        self,
        account: str,
        *,
        newest: int | None = None,
        before: int | None = None,
        kind: Texts | None = None,
        operation: Texts | None = None,
        reference: str | None = None,
        from_: int | str | None = None,
        to: int | str | None = None,
    ) -> Iterator[Entry]:
        """Entries of an account, newest first, as many as there are or the `newest` ones.

        before: a seq; kind and operation: one or several; reference: an id; from_ and to: UTC
        microseconds. Pages are fetched as they are used.
        """
        asked = {
            "before": before,
            "kind": kind,
            "operation": operation,
            "reference": reference,
            "from": timed("from_", from_),
            "to": timed("to", to),
        }
        arguments.check(_ASKED, {**asked, "newest": newest})
        path = f"/accounts/{named('account', account)}/entries"
        terms = {name: value for name, value in asked.items() if value is not None}
        return self._pages(path, terms, newest)

    def _pages(self, path: str, terms: dict[str, Any], left: int | None) -> Iterator[Entry]:
        while left is None or left > 0:
            terms["limit"] = PAGE if left is None else min(PAGE, left)
            query = urlencode(terms, doseq=True, quote_via=escaped)
            page = self._get(path, query)
            entries, following = page.get("entries"), page.get("next")
            if not isinstance(entries, list):
                raise GarbledAnswerError("no entries in it")
            yield from (read(Entry, one) for one in entries)
            if following is None:
                return
            terms["before"] = following
            left = None if left is None else left - len(entries)

    def find_outcome(self, key: str) -> Outcome | None:
        """What came of a request with this key of this service; None: it never happened."""
        try:
            found = self._get(f"/requests/{named('key', key)}")
        except RequestNotFoundError:
            return None
        if not {"status", "body"} <= found.keys():
            raise GarbledAnswerError("no outcome in it")
        return Outcome(found["status"], found["body"])

    def _get(self, path: str, query: str = "") -> dict[str, Any]:
        return self._sender.send(Asked("GET", ROOT + path, query)).members
