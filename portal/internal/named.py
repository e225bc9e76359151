"""What a request names by its id, looked up when it is first asked for: all of a kind together."""

from collections.abc import Iterable

from portal import current, ledger


class Named:
    """The holds, entries and idempotency keys that one request of a service names.

    They are read as they stood then. None of them changes hands, and what is decided by how they
    stand is decided by the ledger.
    """

    def __init__(
        self,
        service: str,
        *,
        holds: Iterable[str] = (),
        entries: Iterable[str] = (),
        keys: Iterable[str] = (),
    ) -> None:
        self._service = service
        self._wanted = (frozenset(holds), frozenset(entries), frozenset(keys))
        self._holds: dict[str, ledger.Hold | None] = {}
        self._entries: dict[str, ledger.Entry | None] = {}
        self._keys: dict[str, bool] = {}

    def find_hold(self, hold_id: str) -> ledger.Hold | None:
        """The hold of that id, on whichever account and whoever's, or None."""
        if hold_id not in self._holds:
            ids = sorted(self._wanted[0] | {hold_id})
            with current.database.reading() as connection:
                found = ledger.holds_by_id(connection, ids)
            self._holds = {each: found.get(each) for each in ids}
        return self._holds[hold_id]

    def find_entry(self, entry_id: str) -> ledger.Entry | None:
        """The entry of that id, on whichever account and whoever's, or None."""
        if entry_id not in self._entries:
            ids = sorted(self._wanted[1] | {entry_id})
            with current.database.reading() as connection:
                found = ledger.entries_by_id(connection, ids)
            self._entries = {each: found.get(each) for each in ids}
        return self._entries[entry_id]

    def knows(self, key: str) -> bool:
        """Whether an idempotency key of the service has had its outcome."""
        if key not in self._keys:
            keys = sorted(self._wanted[2] | {key})
            with current.database.reading() as connection:
                found = ledger.known_keys(connection, self._service, keys)
            self._keys = {each: each in found for each in keys}
        return self._keys[key]
