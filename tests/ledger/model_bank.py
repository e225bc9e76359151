"""A bank that does what ledger.md says, in the plainest way there is: the model of the ledger.

It shares no code with the engine. It looks everything up by walking through its customers, and
what it cannot know (the ids that break ties) it is told after each step. Where ledger.md is
silent, what the engine does is written down once here, marked "settled".
"""

from __future__ import annotations

import tomllib
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.ledger.model_lots import Ask, Customer, Hold, Line, Lot, Moves, NoError, prefix

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OURS = ("failed", "timed_out", "partial", "wrong_charge")
REASONS = (*OURS, "goodwill", "dispute")


def boundary(anchor: int, n: int) -> int:
    """The n-th month after the anchor, its day clamped to the month (§8)."""
    first = EPOCH + timedelta(microseconds=anchor)
    year, month = divmod(first.year * 12 + first.month - 1 + n, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return (first.replace(year=year, month=month + 1, day=day) - EPOCH) // timedelta(microseconds=1)


class Bank:
    """All customers, keys and payments."""

    def __init__(self, *tariffs: str) -> None:
        self.tariffs = [tomllib.loads(text) for text in tariffs]
        self.customers: dict[str, Customer] = {}
        self.keys: dict[tuple[str, str], tuple[Ask, Line | NoError]] = {}
        self.paid: dict[str, Line] = {}

    def ask(self, now: int, it: Ask) -> tuple[bool, Line | NoError | None]:
        """Whether the answer is that of before, and the answer; None where no line was written."""
        key, body = (it["service"], it.get("key", "")), it.get("body", {})
        if key in self.keys:
            known, answer = self.keys[key]
            other = {name for name in known | body if known.get(name) != body.get(name)}
            if other:
                return False, NoError("idempotency_key_reused", members=other)
            return True, answer
        answered: Line | NoError | None
        try:
            answered = self.decide(now, it)
        except NoError as error:
            answered = error
            if (error.code, it["do"]) != ("insufficient_credits", "debit"):
                return False, error
        if it.get("key") and answered is not None:
            self.keys[key] = (body, answered)
        return False, answered

    def decide(self, now: int, it: Ask) -> Line | None:
        """Bring a customer up to date, then do what is asked (law 9)."""
        customer, subject = self.find(it)
        if customer is None:
            return self.open(now, it)
        before = (len(customer.lines), customer.revisions)
        now = max(now, customer.changed)
        try:
            self.advance(customer, now, 0)
            if customer.status == "frozen" and it["do"] not in ("status", "advance"):
                raise NoError("account_frozen")
            if customer.status == "closed" and it["do"] in ("grant", "put"):
                self.active(customer)
            line: Line | None = getattr(self, it["do"])(customer, now, it, subject)
            self.advance(customer, now, now)
            return line
        finally:
            if (len(customer.lines), customer.revisions) != before:
                customer.changed = now

    def find(self, it: Ask) -> tuple[Customer | None, Any]:
        """The customer something is about, with the hold or line it names."""
        for customer in self.customers.values():
            for each in customer.holds if "hold" in it else customer.lines if "line" in it else ():
                if each.name == it.get("hold", it.get("line")):
                    return customer, each
        if "hold" in it or "line" in it:
            raise NoError("hold_not_found" if "hold" in it else "entry_not_found")
        if it["account"] not in self.customers and it["do"] != "put":
            raise NoError("account_not_found")
        return self.customers.get(it["account"]), None

    # What falls due (law 9) ------------------------------------------------------------------

    def advance(self, c: Customer, now: int, clock: int, *_: Any) -> None:
        """Holds first, then the period, then what lapses, each at its own instant."""
        while (due := c.due()) <= now:
            clock = max(clock, due)
            late = [hold for hold in c.open_holds() if hold.expires <= due]
            if late:
                hold = min(late, key=lambda hold: (hold.expires, hold.name))
                self.close(c, hold, "expired", "expired", hold.expires)
            elif c.end <= due:
                self.turn_over(c)
            else:
                lot = next(
                    x
                    for x in c.burning()
                    if x.free() and x.expires is not None and x.expires <= due
                )
                c.write("expiry", "lapsed", clock, [(lot, -lot.free(), 0)])

    def turn_over(self, c: Customer) -> None:
        """Close a period, roll over, open the next (§8)."""
        at, closing = c.end, self.tariff(c.end - 1)["tiers"][c.tier]
        tier = c.next_tier or c.tier
        opening = self.tariff(at)["tiers"][tier]
        ending = [x for x in c.burning() if x.origin == "allocation" and x.expires == at]
        unpinned: list[tuple[Lot | None, int]] = [(x, x.free()) for x in ending if x.free()]
        policy, rest = closing["rollover"], sum(amount for _, amount in unpinned)
        n, p = policy.get("amount", 0), policy["policy"]
        limits = {"none": 0, "full": rest, "cap": n, "percent": rest * n // 100}
        rolled = prefix(unpinned, min(rest, limits.get(p, n * closing["allocation"])))
        kept = dict(rolled)
        lost = [(lot, amount - kept.get(lot, 0)) for lot, amount in unpinned]
        for reason, parts in (("period_end", lost), ("rolled_over", rolled)):
            moves: Moves = [(lot, -amount, 0) for lot, amount in parts if amount]
            if moves:
                c.write("expiry", reason, at, moves)
        c.index += 1
        if rolled:
            lives = policy.get("life_periods", 1)
            lot = Lot("rollover", at, boundary(c.anchor, c.index + lives))
            c.give("grant", "rollover", at, sum(amount for _, amount in rolled), lot)
        c.start, c.end = at, boundary(c.anchor, c.index + 1)
        if c.status == "closed":
            opening = opening | {"allocation": 0}
        self.terms(c, tier, opening, opening["allocation"])
        self.allocate(c, opening, at)

    def terms(self, c: Customer, tier: str, document: Ask, incoming: int) -> None:
        """Put a customer on a tier: its overdraft, never less than what stays in use (settled)."""
        in_use = c.used() - min(c.owed(), incoming)
        c.tier, c.next_tier, c.limit = tier, None, max(document.get("overdraft", 0), in_use)
        c.revisions += 1

    def allocate(self, c: Customer, tier: Ask, at: int) -> Line:
        return c.give(
            "grant", "allocation", at, tier["allocation"], Lot("allocation", c.start, c.end)
        )

    def tariff(self, at: int) -> Ask:
        """The tariff in force at an instant."""
        found = [x for x in self.tariffs if (x["effective_at"] - EPOCH) // timedelta(0, 0, 1) <= at]
        if not found:
            raise NoError("no_tariff")
        return found[-1]

    # Spending (§§2, 5) -----------------------------------------------------------------------

    def price(self, now: int, it: Ask) -> tuple[Ask, int]:
        """The tariff of the time, and what the job costs: rounded up once (§1)."""
        at = it.get("occurred_at", now)
        if not now - 35 * DAY <= at <= now:
            raise NoError("validation", member="occurred_at")
        tariff = self.tariff(at)
        if it["operation"] not in tariff["operations"]:
            raise NoError("unknown_operation")
        return tariff, cost(tariff["operations"][it["operation"]], it["quantity"])

    def charge(self, c: Customer, now: int, it: Ask) -> tuple[Ask, int]:
        """The price of a job that may be charged: active, for the first time, within the caps."""
        tariff, n = self.price(now, it)
        self.active(c)
        key = (it["operation"], it["reference"])
        for line in c.lines:
            if line.kind == "debit" and (line.about["operation"], line.about["reference"]) == key:
                raise NoError("already_charged", original=line.name)
        for hold in c.holds:
            standing = hold.status in ("open", "captured")
            if standing and (hold.about["operation"], hold.about["reference"]) == key:
                raise NoError("already_charged", original=hold.name)
        self.cap(c, now, "units_per_job", it["quantity"])
        return tariff, n

    def active(self, c: Customer) -> None:
        if c.status != "active":
            raise NoError("account_suspended", status=c.status)

    def cap(self, c: Customer, now: int, name: str, wanted: int) -> None:
        most = self.tariff(now)["tiers"][c.tier].get("caps", {}).get(name)
        if most is not None and wanted > most:
            raise NoError("limit_reached", limit=name, maximum=most, requested=wanted)

    def spend_caps(self, c: Customer, now: int, op: str, n: int, at: int) -> None:
        """The customer's own caps, then those of the tier for which there is none of its own."""
        caps = dict(c.caps)
        told = self.tariff(now)["tiers"][c.tier].get("caps", {})
        for operation, limits in {None: told, **told.get("operations", {})}.items():
            for name, most in limits.items():
                if name.startswith(("credits", "stop")):
                    caps.setdefault((name, operation), (most, 0))
        broken = []
        for (name, operation), (most, lifted) in caps.items():
            first, last, ends = window(c, name, at)
            jobs = [x for x in c.lines if operation in (None, x.about.get("operation"))]
            jobs = [x for x in jobs if first <= x.at // DAY <= last]
            used = -sum(x.amount() for x in jobs if x.kind in ("debit", "capture"))
            stops = name.startswith("stop")
            if not stops:
                used -= sum(x.amount() for x in jobs if x.kind == "refund")
            if first <= now // DAY <= last:
                held = (x for x in c.open_holds() if operation in (None, x.about["operation"]))
                used += sum(x.amount - x.captured for x in held)
            full = used >= most and at >= lifted if stops else n and used + n > most
            if full and operation in (None, op):
                about = {"limit": name, "operation": operation, "maximum": most}
                until = ends if ends > now else None
                broken.append({**about, "used": used, "requested": used + n, "until": until})
        if broken:
            raise NoError("limit_reached", one_of=broken)

    def debit(self, c: Customer, now: int, it: Ask, _: Any) -> Line:
        _, n = self.charge(c, now, it)
        self.spend_caps(c, now, it["operation"], n, it.get("occurred_at", now))
        moves: Moves = [(lot, -part, 0) for lot, part in c.take(now, n, it["operation"])]
        return c.write("debit", "usage", it.get("occurred_at", now), moves, **it)

    # Holds (§6) ------------------------------------------------------------------------------

    def hold(self, c: Customer, now: int, it: Ask, _: Any) -> Line:
        tariff, n = self.charge(c, now, it)
        self.cap(c, now, "open_holds", len(c.open_holds()) + 1)
        ttl = it.get("ttl", tariff["operations"][it["operation"]]["hold_ttl_seconds"])
        self.spend_caps(c, now, it["operation"], n, now)
        pins = c.take(now, n, it["operation"])
        c.holds.append(Hold(it, tariff, n, now + ttl * SECOND, pins))
        moves: Moves = [(lot, 0, part) for lot, part in pins]
        return c.write("hold", "placed", it.get("occurred_at", now), moves, **it)

    def standing(self, it: Ask, hold: Hold, n: int = 0) -> Hold:
        """A hold that is open, and the caller's own; else how and when it ended."""
        self.own(it, hold.about["service"])
        if hold.status == "captured" or hold.late:
            end = hold.late or hold.end
            assert end is not None
            captured = hold.captured - (end.amount() if hold.late else 0)
            raise NoError("hold_captured", entry=end.name, amount=hold.amount, captured=captured)
        if hold.status == "expired":
            raise NoError("hold_expired", ended_at=hold.expires, required=n, spendable=0)
        if hold.end is not None:
            raise NoError("hold_released", entry=hold.end.name, reason=hold.end.reason)
        return hold

    def own(self, it: Ask, owner: str) -> None:
        if not it.get("admin") and it["service"] != owner:
            raise NoError("scope_denied", owner=owner)

    def extend(self, c: Customer, now: int, it: Ask, hold: Hold) -> Line:
        self.standing(it, hold)
        quantity: int = it.get("quantity") or hold.about["quantity"]
        if quantity < hold.about["quantity"]:
            raise NoError("validation", member="quantity")
        if quantity > hold.about["quantity"]:
            self.cap(c, now, "units_per_job", quantity)
        price = cost(hold.tariff["operations"][hold.about["operation"]], quantity)
        line = self.widen(c, now, hold, price - hold.amount, "extended", now + it["ttl"] * SECOND)
        hold.about = hold.about | {"quantity": quantity}
        return line

    def widen(self, c: Customer, now: int, hold: Hold, n: int, reason: str, until: int) -> Line:
        """Set n more aside, if n is more than nothing; new spending needs an active account."""
        if n > 0:
            self.active(c)
            self.spend_caps(c, now, hold.about["operation"], n, now)
        parts = c.take(now, max(0, n), hold.about["operation"]) if n > 0 else []
        hold.pins, hold.amount = hold.pins + parts, hold.amount + max(0, n)
        hold.expires = max(hold.expires, until)
        return c.write("hold", reason, now, [(lot, 0, part) for lot, part in parts])

    def capture(self, c: Customer, now: int, it: Ask, hold: Hold) -> Line:
        n, late = it["credits"], hold.status == "expired" and not hold.late
        rest = hold.amount - hold.captured
        if late:
            self.own(it, hold.about["service"])
            again: list[Line | Hold] = [x for x in c.lines if x.kind == "debit"]
            again += [x for x in c.holds if x.status in ("open", "captured")]
            again = [x for x in again if same(x.about, hold.about)]
            if again:
                raise NoError("already_charged", original=again[0].name)
        else:
            self.standing(it, hold, n)
        if n > rest:
            over = hold.tariff["operations"][hold.about["operation"]].get("over_capture", "refuse")
            if over == "refuse":
                raise NoError("capture_exceeds_hold", held=rest, requested=n)
            n = rest if over == "cap" else n
        if late:
            return self.late_capture(c, now, it, hold, n)
        if n > rest:
            self.widen(c, now, hold, n - rest, "overflow", 0)
        return self.spend(c, now, it, hold, n)

    def spend(self, c: Customer, now: int, it: Ask, hold: Hold, n: int) -> Line:
        """Spend a prefix of the pins in burn order; the rest stays, or returns if final."""
        burning: list[Lot | None] = [*c.burning(), None]
        pins = [(lot, sum(part for x, part in hold.pins if x is lot)) for lot in burning]
        taken = dict(prefix(pins, n))
        final = it.get("final", True)
        kept = {lot: 0 if final else part - taken.get(lot, 0) for lot, part in pins}
        moves: Moves = [(lot, -taken.get(lot, 0), kept[lot] - part) for lot, part in pins]
        hold.pins = [(lot, part) for lot, part in kept.items() if part]
        hold.captured += n
        hold.status = "captured" if final else "open"
        reason = "completed" if hold.captured == hold.amount else "partial"
        about = hold.about | {"service": it["service"]}
        line = c.write("capture", reason, now, [x for x in moves if x[1] or x[2]], **about)
        hold.end = line if final else None
        return line

    def late_capture(self, c: Customer, now: int, it: Ask, hold: Hold, n: int) -> Line:
        """At most a day late, and only where funds allow: a debit that says so."""
        if now > hold.expires + DAY or c.status != "active":
            raise NoError("hold_expired", required=n, spendable=0)
        self.spend_caps(c, now, hold.about["operation"], n, now)
        try:
            parts = c.take(now, n, hold.about["operation"])
        except NoError as error:
            raise NoError(
                "hold_expired", required=n, spendable=error.numbers["spendable"]
            ) from None
        about = hold.about | {"service": it["service"]}
        hold.late = c.write(
            "debit", "late_capture", now, [(x, -part, 0) for x, part in parts], **about
        )
        return hold.late

    def release(self, c: Customer, now: int, it: Ask, hold: Hold) -> Line:
        if it["reason"] not in ("failed", "cancelled", "timed_out", "moderated"):
            raise NoError("validation", member="reason")
        return self.close(c, self.standing(it, hold), "released", it["reason"], now)

    def close(self, c: Customer, hold: Hold, status: str, reason: str, at: int) -> Line:
        """Return all that a hold still sets aside."""
        burning: list[Lot | None] = [*c.burning(), None]
        pins = [(lot, sum(part for x, part in hold.pins if x is lot)) for lot in burning]
        hold.pins, hold.status = [], status
        moves: Moves = [(lot, 0, -part) for lot, part in pins if part]
        hold.end = c.write("release", reason, at, moves, **hold.about)
        return hold.end

    # Giving (§§2, 7, 8) ----------------------------------------------------------------------

    def refund(self, c: Customer, now: int, it: Ask, line: Line) -> Line:
        """Back into the original lots, the last one first; what has lapsed by whose fault."""
        if it["reason"] not in REASONS or line.kind not in ("debit", "capture"):
            raise NoError("validation", member="entry" if it["reason"] in REASONS else "reason")
        self.own(it, line.about["service"])
        charged, refunded = -line.amount(), sum(line.back.values())
        n = it.get("credits", charged - refunded)
        if n < 1 and "credits" in it:
            raise NoError("validation", member="credits")
        if n > charged - refunded or n == 0:
            left = charged - refunded
            raise NoError("refund_exceeds", charged=charged, refunded=refunded, refundable=left)
        moves: Moves = []
        lapsed: Moves = []
        open_parts = [(lot, -amount - line.back.get(lot, 0)) for lot, amount, _ in line.moves]
        for lot, part in prefix(open_parts[::-1], n):
            line.back[lot] = line.back.get(lot, 0) + part
            if lot is None:
                owed = min(part, c.owed())
                again = Lot("reinstatement", now, None)
                moves += [x for x in ((None, owed, 0), (again, part - owed, 0)) if x[1]]
                c.lots += [again] * (part > owed)
            elif lot.expires is None or lot.expires > now:
                moves.append((lot, part, 0))
            elif it["reason"] in OURS:
                c.lots.append(Lot("reinstatement", now, now + 30 * DAY, lot.operations))
                moves.append((c.lots[-1], part, 0))
            else:
                moves.append((lot, part, 0))
                lapsed.append((lot, -part, 0))
        about = {"service": it["service"], "operation": line.about["operation"]}
        written = c.write("refund", it["reason"], now, moves, **about)
        if lapsed:
            c.write("expiry", "refund_lapsed", now, lapsed)
        return written

    def grant(self, c: Customer, now: int, it: Ask, _: Any) -> Line:
        begins, ends = it.get("effective_at", now), it.get("expires_at")
        if it["credits"] < 1 or (ends is not None and ends <= max(now, begins)):
            raise NoError("validation")
        kind, name = it["reference"]
        if kind == "payment" and name in self.paid:
            raise NoError("already_granted", entry=self.paid[name].name)
        lot = Lot(it["origin"], begins, ends, it.get("operations"), it.get("priority", -1))
        line = c.give("grant", it["origin"], now, it["credits"], lot, service=it["service"])
        if kind == "payment":
            self.paid[name] = line
        return line

    def adjust(self, c: Customer, now: int, it: Ask, _: Any) -> Line:
        if it["amount"] == 0:
            raise NoError("validation", member="amount")
        if it["amount"] > 0:
            lot = Lot("goodwill", now, None)
            return c.give("adjustment", it["reason"], now, it["amount"], lot, service="admin")
        parts = c.take(now, -it["amount"], None)
        moves: Moves = [(lot, -part, 0) for lot, part in parts]
        return c.write("adjustment", it["reason"], now, moves, service="admin")

    def open(self, now: int, it: Ask) -> Line:
        """Open an account in the period that now is in."""
        tier = self.tier(now, it["tier"])
        c = Customer(it.get("anchor_at", now), names=(it["name"], it["time_zone"]), changed=now)
        while boundary(c.anchor, c.index) > now:
            c.index -= 1
        while boundary(c.anchor, c.index + 1) <= now:
            c.index += 1
        c.start, c.end = boundary(c.anchor, c.index), boundary(c.anchor, c.index + 1)
        self.terms(c, it["tier"], tier, 0)
        self.customers[it["account"]] = c
        return self.allocate(c, tier, now)

    def tier(self, now: int, name: str) -> Ask:
        found: Ask | None = self.tariff(now)["tiers"].get(name)
        if found is None:
            raise NoError("unknown_tier")
        return found

    def put(self, c: Customer, now: int, it: Ask, _: Any) -> Line | None:
        """Rename, upgrade now, downgrade at the period's end (§8)."""
        tier, here = self.tier(now, it["tier"]), self.tier(now, c.tier)
        if it.get("anchor_at", c.anchor) != c.anchor:
            raise NoError("validation", member="anchor_at")
        c.revisions += c.names != (it["name"], it["time_zone"])
        c.names = (it["name"], it["time_zone"])
        if it["tier"] == c.tier:
            c.revisions += c.next_tier is not None
            c.next_tier = None
        elif tier["allocation"] > here["allocation"]:
            n = (tier["allocation"] - here["allocation"]) * (c.end - now) // (c.end - c.start)
            self.terms(c, it["tier"], tier, n)
            lot = Lot("allocation", now, c.end)
            return c.give("grant", "upgrade", now, n, lot, service="admin") if n else None
        else:
            c.revisions += it["tier"] != c.next_tier
            c.next_tier = it["tier"]
        return None

    def status(self, c: Customer, now: int, it: Ask, _: Any) -> None:
        c.revisions += it["status"] != c.status
        c.status = it["status"]

    def set_cap(self, c: Customer, now: int, it: Ask, _: Any) -> None:
        """Cap what may be spent, take the cap away, or lift a stop-loss till its window ends."""
        before, name = dict(c.caps), (it["limit"], it.get("operation"))
        if it.get("lift"):
            told = self.tariff(now)["tiers"][c.tier].get("caps", {}).get(it["limit"])
            if name not in c.caps and told is None:
                raise NoError("validation", member="limit")
            most = c.caps[name][0] if name in c.caps else told
            c.caps[name] = (most, window(c, it["limit"], now)[2])
        elif "credits" in it:
            c.caps[name] = (it["credits"], 0)
        else:
            c.caps.pop(name, None)
        c.revisions += c.caps != before


def window(c: Customer, limit: str, at: int) -> tuple[int, int, int]:
    """First and last day that count against a limit at an instant, and when the window ends."""
    if limit.endswith("day"):
        return at // DAY, at // DAY, (at // DAY + 1) * DAY
    n = c.index
    while boundary(c.anchor, n) > at:
        n -= 1
    while boundary(c.anchor, n + 1) <= at:
        n += 1
    ends = boundary(c.anchor, n + 1)
    return boundary(c.anchor, n) // DAY, (ends - 1) // DAY, ends


def cost(operation: Ask, quantity: int) -> int:
    """base + ceil(units * numerator / denominator), within minimum and maximum."""
    price = operation["price"]
    credits = -(-quantity * price["numerator"] // price["denominator"])
    return int(max(operation.get("minimum", 0), credits))


def same(one: Ask, other: Ask) -> bool:
    """Whether two jobs are one operation for one reference."""
    return all(one[name] == other[name] for name in ("operation", "reference"))
