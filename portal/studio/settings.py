"""What the studio must be told beside its service key: whose credits, where, how fast."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
PREFIX: Final = "STUDIO_"
ABSENT: Final = {"ACCOUNTS": "", "FOLDER": "var/studio", "HOLD_SECONDS": "60", "STEP_MS": "500"}
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class StudioError(ValueError):
    """The studio's settings cannot be used; every fault is named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """accounts: whose credits the page may spend. step: seconds that each piece of work takes."""

    accounts: tuple[str, ...]
    folder: Path
    hold_seconds: int
    step: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that STUDIO_* are. Raises StudioError with every fault."""
        given = {
            name.removeprefix(PREFIX): text.strip()
            for name, text in environment.items()
            if name.startswith(PREFIX) and text.strip()
        }
        faults = [f"{PREFIX}{name} is not a setting" for name in sorted(set(given) - set(ABSENT))]
        found = ABSENT | given
        accounts = tuple(name.strip() for name in found["ACCOUNTS"].split(","))
        if not all(map(_ACCOUNT.fullmatch, accounts)):
            faults.append(f"{PREFIX}ACCOUNTS must name the accounts it may spend from: acme,bolt")
        for name, least in (("HOLD_SECONDS", 1), ("STEP_MS", 0)):
            if not re.fullmatch(r"[0-9]{1,5}", found[name]) or int(found[name]) < least:
                faults.append(f"{PREFIX}{name} must be a whole number from {least} to 99999")
        if faults:
            raise StudioError("The studio's settings cannot be used: " + "; ".join(faults))
        return cls(
            accounts,
            ROOT / found["FOLDER"],
            int(found["HOLD_SECONDS"]),
            int(found["STEP_MS"]) / 1_000,
        )
