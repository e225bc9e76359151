"""What history says about one command: known before it is decided, kept as values."""

from typing import NamedTuple

from portal.ledger.caps import Spent
from portal.ledger.model import Entry, Hold, Reversible


class Facts(NamedTuple):
    """Facts of one command: who already charged its reference, the hold or entry it names.

    `charged` and `granted` are entry ids; `ended` is the entry that closed the hold, `late`
    the debit that captured it after it expired; `spent` is None where no cap counts.
    """

    charged: str | None = None
    granted: str | None = None
    hold: Hold | None = None
    ended: Entry | None = None
    late: Entry | None = None
    reversible: Reversible | None = None
    spent: Spent | None = None


NO_FACTS = Facts()
