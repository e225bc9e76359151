"""Characters that nobody sees: with them two texts look the same and are not."""

import re
from typing import Final

# Signs that join letters and emoji, or choose how one is drawn: seen in what stands beside them.
_JOINS: Final = "\u200c\u200d\ufe00-\ufe0f"
# Controls, marks of direction, separators of lines, fillers, tags, and what is not a character.
_OTHERS: Final = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN: Final = re.compile(f"[{_OTHERS}{_JOINS}]")
_UNSEEN_ALONE: Final = re.compile(f"[{_OTHERS}]")


def find_unseen(text: str, *, joins: bool = False) -> str | None:
    """The first such character, as U+200B, or None. joins: those that only join are let through.

    Names of people and firms need the joins; a reference that differs by one is another job.
    """
    found = (_UNSEEN_ALONE if joins else _UNSEEN).search(text)
    return None if found is None else f"U+{ord(found[0]):04X}"
