"""One table of a tariff document, taken key by key, noting every rule it breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeVar, overload

from portal.pricing.errors import Fault
from portal.pricing.periods import microseconds

Choice = TypeVar("Choice", bound=str)

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Section:
    """A TOML table and where it stands; `faults` is shared by all sections of a document.

    Each reader takes one key. A broken rule is noted and a placeholder answered, so that one
    reading finds every fault; the document is refused if any was noted.
    """

    def __init__(self, values: Mapping[str, object], path: str, faults: list[Fault]) -> None:
        self.values = dict(values)
        self.path = path
        self.faults = faults
        self._taken: dict[str, None] = {}

    def where(self, key: str) -> str:
        """The dotted path of a key of this table, quoted as TOML would."""
        part = key if _BARE.fullmatch(key) else '"' + key.replace('"', '\\"') + '"'
        return f"{self.path}.{part}" if self.path else part

    def note(self, key: str, rule: str) -> None:
        """Note that a key breaks a rule."""
        self.faults.append(Fault(self.where(key), rule))

    def names(self) -> tuple[str, ...]:
        """The keys of this table, in the document's order."""
        return tuple(self.values)

    def has(self, key: str) -> bool:
        """Whether the key is there; asking takes it."""
        self._taken[key] = None
        return key in self.values

    @overload
    def whole(self, key: str, low: int, high: int) -> int: ...
    @overload
    def whole(self, key: str, low: int, high: int, default: int) -> int: ...
    @overload
    def whole(self, key: str, low: int, high: int, default: None) -> int | None: ...
    def whole(
        self, key: str, low: int, high: int, default: int | Literal["required"] | None = "required"
    ) -> int | None:
        """A whole number in low..high; without it the default, or a fault when there is none."""
        placeholder = low if default == "required" else default
        if not self.has(key):
            if default == "required":
                self.note(key, "is missing")
            return placeholder
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self.note(key, f"must be a whole number, not {_shown(value)}")
        elif not low <= value <= high:
            self.note(key, f"must be from {low} to {high}, not {value}")
        else:
            return value
        return placeholder

    def text(self, key: str, pattern: str, rule: str) -> str:
        """A string that matches the whole pattern; the rule says the pattern in words."""
        if not self.has(key):
            self.note(key, "is missing")
            return ""
        value = self.values[key]
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            self.note(key, f"{rule}, not {_shown(value)}")
            return ""
        return value

    def choice(self, key: str, choices: tuple[Choice, ...], default: Choice | None) -> Choice:
        """One of the choices; without it the default, or a fault when there is none."""
        if not self.has(key) and default is not None:
            return default
        value = self.values.get(key)
        for one in choices:
            if value == one:
                return one
        listed = ", ".join(choices)
        if key in self.values:
            self.note(key, f"must be one of {listed}, not {_shown(value)}")
        else:
            self.note(key, f"is missing (one of {listed})")
        return choices[0]

    def instant(self, key: str) -> int:
        """A date and time with its offset, as UTC µs."""
        if not self.has(key):
            self.note(key, "is missing")
            return 0
        value = self.values[key]
        if not isinstance(value, datetime) or value.tzinfo is None:
            rule = "must be a date and time with an offset, such as 2026-01-01T00:00:00Z"
            self.note(key, f"{rule}, not {_shown(value)}")
            return 0
        return microseconds(value)

    def section(self, key: str, required: bool = True) -> Section:
        """The table under a key; an empty one, and a fault if required, when there is none."""
        present = self.has(key)
        value = self.values.get(key, {})
        if isinstance(value, dict) and (present or not required):
            return Section(value, self.where(key), self.faults)
        self.note(key, f"must be a table, not {_shown(value)}" if present else "is missing")
        return Section({}, self.where(key), [])

    def sections(self, key: str, most: int) -> tuple[Section, ...]:
        """The tables of an array of 1 to `most` of them."""
        rule = f"must be an array of 1 to {most} tables"
        value = self.values[key] if self.has(key) else None
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self.note(key, rule)
            return ()
        if not all(isinstance(one, dict) for one in value):
            self.note(key, rule)
            return ()
        places = (f"{self.where(key)}[{place}]" for place in range(len(value)))
        return tuple(Section(one, at, self.faults) for one, at in zip(value, places, strict=True))

    def close(self) -> None:
        """Note every key that nothing took: a misspelt rule must not be a rule ignored."""
        for key in self.values:
            if key not in self._taken:
                self.note(key, f"is not a key here; known: {', '.join(self._taken)}")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
