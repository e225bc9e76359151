"""Why an entry or a refusal is there, in sentences for its own page. It computes nothing."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from portal import ledger, pricing
from portal.web import formats, wording
from portal.web.formats import counted, credits, span

QUESTIONS: Final = {
    "debit": "Why was this charged?",
    "capture": "Why was this charged?",
    "hold": "Why are these credits held?",
    "release": "Why did credits come back?",
    "refund": "Why did credits come back?",
    "grant": "Where do these credits come from?",
    "expiry": "Why are these credits gone?",
    "adjustment": "Why was this corrected?",
}
BECAUSE: Final = {
    ("grant", "allocation"): "Your plan allocates these credits at the start of each period.",
    ("grant", "upgrade"): "The larger plan's allocation, for the part of the period that was left.",
    ("grant", "rollover"): "Unused credits of the last period that your plan carries over.",
    ("grant", "purchase"): "These credits were bought.",
    ("grant", "promotion"): "A promotion gave these credits.",
    ("grant", "goodwill"): "These credits were given as goodwill.",
    ("grant", "import"): "These credits were carried in from another system.",
    ("expiry", "lapsed"): "A grant reached the end of its life; what was unused lapsed with it.",
    ("expiry", "period_end"): "The period ended, and your plan does not carry this part over.",
    ("expiry", "rolled_over"): "The period ended; these credits came back as the next grant.",
    ("expiry", "refund_lapsed"): "They were refunded to a grant that had lapsed meanwhile.",
    ("refund", "failed"): "The job failed after it was charged, so the charge was undone.",
    ("refund", "timed_out"): "The job timed out after it was charged, so the charge was undone.",
    ("refund", "partial"): "Only part of the job was delivered, so the rest was given back.",
    ("refund", "wrong_charge"): "The charge was a mistake of ours.",
    ("refund", "goodwill"): "The charge was right, and was given back as goodwill.",
    ("refund", "dispute"): "The charge was disputed, and was given back.",
    ("release", "failed"): "The job failed. What was still held for it came back.",
    ("release", "cancelled"): "The job was cancelled. What was still held for it came back.",
    ("release", "timed_out"): "The job timed out. What was still held for it came back.",
    ("release", "moderated"): "The result was blocked by moderation, so the hold came back.",
    ("release", "expired"): "Nobody said how the job ended before its hold ran out.",
    ("adjustment", "merge"): "Grants of one kind and date were made one; no credit moved.",
}
REMEDIES: Final = {
    "open_holds": "waiting until the running jobs end: what they do not use comes back",
    "purchase": "buying credits",
}

LIMIT_REMEDIES: Final = {
    "open_holds": ("waiting until a running job ends", "a plan with more jobs at once"),
    "units_per_job": ("a smaller job, or the same in parts", "a plan with larger jobs"),
}


def question(entry: ledger.Entry) -> str:
    """What somebody who opens the entry wants to know."""
    return QUESTIONS[entry.kind]


def because(entry: ledger.Entry) -> str:
    """Why an entry without a price is there."""
    known = BECAUSE.get((entry.kind, entry.reason))
    if known is None and entry.kind == "adjustment":
        return f"An admin corrected the account ({wording.plain(entry.reason).lower()})."
    return known or wording.plain(entry.reason)


def funding_title(entry: ledger.Entry) -> str:
    """What the table of an entry's draws says."""
    if entry.kind == "hold":
        return "Grants the credits are held from"
    if entry.kind == "expiry":
        return "Grants the credits were of"
    if entry.amount < 0:
        return "Grants that paid"
    if entry.hold_amount < 0:
        return "Grants the credits returned to"
    return "Grants the credits went to"


def step(entry: ledger.Entry) -> str:
    """One step of a hold, with its credits."""
    if entry.kind == "hold":
        if entry.reason == "extended" and entry.hold_amount == 0:
            return "held longer"
        word = "more held" if entry.reason == "extended" else "held"
        return f"{counted(entry.hold_amount, 'credit')} {word}"
    if entry.kind == "release":
        return f"{counted(-entry.hold_amount, 'credit')} returned"
    returned = -entry.hold_amount + entry.amount
    charged = f"{counted(-entry.amount, 'credit')} charged"
    return f"{charged}, {credits(returned)} returned" if returned > 0 else charged


def still_open(chain: Sequence[ledger.Entry], now: int) -> str | None:
    """What is to come of a hold that has not ended; None once it has."""
    if any(entry.resolution is not None for entry in chain):
        return None
    ends = max((entry.expires_at or 0 for entry in chain), default=0)
    if ends <= now:
        return "The hold has run out; its credits are available again."
    return f"Not charged yet. The credits come back by themselves in {span(ends - now)}."


def asked_by(asked: ledger.Entry | ledger.Refusal) -> str:
    """Who caused an entry or a refusal."""
    if asked.actor_kind == "system":
        return "the ledger itself, because it fell due"
    return f"{asked.actor_kind} {asked.actor}"


def refusal_sentence(refusal: ledger.Refusal, tariffs: pricing.Tariffs) -> str:
    """The numbers a refusal was decided with, in a sentence."""
    told = wording.refusal_details(refusal)
    if refusal.code == "insufficient_credits" and refusal.required is not None:
        spendable = _whole(told.get("spendable"), refusal.available)
        short = _whole(told.get("shortfall"), refusal.required - spendable)
        what = wording.operation_title(refusal.operation, None, tariffs)
        return (
            f"{what} needed {counted(refusal.required, 'credit')}, and {credits(spendable)}"
            f" could be spent on it: {credits(short)} short."
        )
    if refusal.code == "limit_reached" and told.get("limit") in wording.CAPS:
        return _cap_sentence(told, tariffs)
    if refusal.code == "limit_reached":
        limit = wording.LIMITS.get(str(told.get("limit")), str(told.get("limit")))
        return (
            f"Your plan allows {_number(told.get('maximum'))} {limit},"
            f" and this would have made it {_number(told.get('requested'))}."
        )
    return f"{wording.refusal_reason(refusal)}."


def remedies(refusal: ledger.Refusal, tariffs: pricing.Tariffs, zone: ZoneInfo) -> tuple[str, ...]:
    """What would have let a refusal pass, one phrase each."""
    told = wording.refusal_details(refusal)
    if told.get("limit") in wording.CAPS:
        until = told.get("until")
        higher = "a higher cap: ask support"
        if not isinstance(until, int):
            return (higher,)
        return (f"waiting until {formats.day_words(until, zone)}", higher)
    if refusal.code == "limit_reached":
        return tuple(LIMIT_REMEDIES.get(str(told.get("limit")), ()))
    named = told.get("remedies")
    words = [str(word) for word in named] if isinstance(named, list) else []
    larger = [_plan(word, tariffs) for word in words if word.startswith("tier:")]
    found = [REMEDIES[word] for word in words if word in REMEDIES]
    if "next_allocation" in words and isinstance(at := told.get("next_allocation_at"), int):
        found.append(f"waiting for the next allocation on {formats.day_words(at, zone)}")
    if larger:
        found.append(f"a larger plan: {', '.join(larger)}")
    return tuple(found)


def _cap_sentence(told: dict[str, object], tariffs: pricing.Tariffs) -> str:
    """What a cap on spending allowed, and what had been spent or was held."""
    most, used = _whole(told.get("maximum"), 0), _whole(told.get("used"), 0)
    asked, operation = _whole(told.get("requested"), 0), told.get("operation")
    cap = pricing.SpendCap(str(told["limit"]), str(operation) if operation else None, most)
    return (
        f"{wording.cap_title(cap, tariffs)} is {counted(most, 'credit')}; {credits(used)} were"
        f" spent or held, and this would have made it {credits(asked)}."
    )


def _plan(word: str, tariffs: pricing.Tariffs) -> str:
    name = word.removeprefix("tier:")
    tier = tariffs.latest.tiers.get(name)
    return tier.title if tier is not None else name


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _number(value: Any) -> str:
    return credits(value) if isinstance(value, int) else str(value)
