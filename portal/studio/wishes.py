"""A form as a wish: what the studio takes, and what it says of the rest."""

import re
from collections.abc import Mapping
from typing import Final

from portal.studio.endings import ENDINGS
from portal.studio.jobs import OPERATIONS, QUANTITY_MAX, SPOKEN, TEXT_MAX, Wish

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


def read_wish(form: Mapping[str, str], accounts: tuple[str, ...]) -> tuple[Wish, dict[str, str]]:
    """What a form asks for, and what is wrong with it by field."""
    spoken = form.get("operation") in SPOKEN
    number = form.get("quantity", "").strip()
    counts = re.fullmatch(r"[0-9]{1,3}", number) is not None
    wish = Wish(
        form.get("key", ""),
        form.get("account", ""),
        form.get("operation", ""),
        form.get("text", "") if spoken else "",
        int(number) if counts and not spoken else 0,
        form.get("ending", ""),
    )
    wrong = {
        "key": None if _KEY.fullmatch(wish.key) else "Reload the page: the form has no name.",
        "account": None if wish.account in accounts else "Choose one of the accounts.",
        "operation": None if wish.operation in OPERATIONS else "Choose what to do.",
        "ending": None if wish.ending in ENDINGS else "Choose how it ends.",
        "text": None if not spoken or 0 < len(wish.text) <= TEXT_MAX else (
            f"Write 1 to {TEXT_MAX:,} characters."
        ),
        "quantity": None if spoken or 1 <= wish.quantity <= QUANTITY_MAX else (
            f"Ask for 1 to {QUANTITY_MAX}."
        ),
    }  # fmt: skip
    return wish, {name: fault for name, fault in wrong.items() if fault}
