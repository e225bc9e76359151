"""A machine that asks the ledger and its model anything, in any order, at any time.

Accounts, references, payments and keys are few, so that commands meet; time stands at an instant
at which something falls due as often as anywhere else. A subclass says which ledger it is.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from portal.ledger.model import DAY
from portal.pricing import CREDIT_CAPS, STOP_LOSSES
from tests.ledger.comparing import Pair, ask
from tests.ledger.model_bank import Bank
from tests.ledger.model_lots import Ask
from tests.ledger.stories import (
    FIRST,
    HOUR,
    MINUTE,
    SECOND,
    SECOND_TARIFF,
    START,
)

ACCOUNTS = st.sampled_from(["ada", "ada", "ada", "bob"])
TIERS = st.sampled_from(["plus", "scale", "scale", "basic", "pro", "free", "quit", "club"])
OPERATIONS = st.sampled_from([*["speak", "fast", "clone", "stream"] * 3, "sing"])
SIZES = st.one_of(
    st.sampled_from([1, 2, 49, 50, 51, 99, 100, 101, 250, 300, 500, 650, 700, 1_001]),
    st.integers(1, 150),
)
REFERENCES = st.tuples(st.just("task"), st.sampled_from([f"job-{n}" for n in range(12)]))
TICKETS = st.tuples(st.sampled_from(["ticket", "payment"]), st.sampled_from(["1", "2", "3"]))
SERVICES = st.sampled_from(["studio", "studio", "studio", "studio", "other"])
KEYS = st.sampled_from(["", *(f"k{n}" for n in range(30))])
PLACES = st.integers(0, 40)
TICKS = st.sampled_from(
    [1, SECOND, MINUTE, 15 * MINUTE - 1, 15 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY, 27 * DAY,
     31 * DAY, 100 * DAY, -1, -HOUR]
)  # fmt: skip
REASONS = st.sampled_from(["failed", "partial", "goodwill", "dispute"])
TTLS = st.sampled_from([None, 1, 60, 900, 3_600, 86_400])


class Machine(RuleBasedStateMachine):
    """Asks both at random; a subclass says which ledger."""

    make: Callable[[], Any]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(self.make(), Bank(FIRST, SECOND_TARIFF))
        self.bank = self.pair.bank
        self.now = START
        self.asked: list[Ask] = []

    def some_holds(self) -> bool:
        """Whether there is a hold to do something with."""
        return any(customer.holds for customer in self.bank.customers.values())

    def some_charges(self) -> bool:
        """Whether there is a charge to refund."""
        lines = (line for customer in self.bank.customers.values() for line in customer.lines)
        return any(line.kind in ("debit", "capture") for line in lines)

    def post(self, *asks: Ask) -> None:
        type(self).steps += 1
        self.pair.post(list(asks), self.now)
        self.asked += [it for it in asks if it["key"]]

    @initialize(tier=TIERS, other=TIERS, anchor=st.sampled_from([0, -10 * DAY, 21 * DAY]))
    def begin(self, tier: str, other: str, anchor: int) -> None:
        """Two customers; one may have an anchor of another day, such as the 31st."""
        for account, name in (("ada", tier), ("bob", other)):
            at = self.now + anchor if account == "ada" else None
            self.post(self.put(account, name, anchor_at=at))
        for number, life in enumerate((9 * DAY, 40 * DAY)):
            self.post(
                ask(
                    "grant",
                    account="ada",
                    credits=30,
                    origin="promotion",
                    reference=("ticket", f"welcome-{number}"),
                    expires_at=self.now + life,
                )
            )

    def put(self, account: str, tier: str, **members: Any) -> Ask:
        """Open an account, or change its terms."""
        return ask(
            "put", admin=True, account=account, name="N", tier=tier, time_zone="UTC", **members
        )

    def hold_at(self, place: int) -> str:
        """The id of some hold; of none there is."""
        names = [hold.name for c in self.bank.customers.values() for hold in c.holds]
        return names[-1 - place % len(names)] if names else "hld_none"

    def line_at(self, place: int, *, charge: bool) -> str:
        """The id of some charge, or of any entry."""
        lines = [line for c in self.bank.customers.values() for line in c.lines]
        if charge:
            lines = [line for line in lines if line.kind in ("debit", "capture")]
        return lines[-1 - place % len(lines)].name if lines else "ent_none"

    @rule(tick=TICKS)
    def wait(self, tick: int) -> None:
        """Time passes; now and then a clock runs backwards."""
        self.now += tick

    @rule(account=ACCOUNTS, operation=OPERATIONS, quantity=st.integers(1, 150), job=PLACES)
    def small_debit(self, job: int, **members: Any) -> None:
        """Charge a little, so that there is something to give back."""
        self.post(ask("debit", reference=("generation", f"job-{job}"), **members))

    @rule(account=ACCOUNTS, more=st.sampled_from([-1, 0, 0, 0, 1]), job=PLACES)
    def debit_to_the_brink(self, account: str, more: int, job: int) -> None:
        """Charge all that can be spent, overdraft included, or one credit more or less."""
        customer = self.bank.customers.get(account)
        if customer is not None:
            lots = (lot.free() for lot in customer.burning() if lot.pays("fast", self.now))
            credits = sum(lots) + customer.limit - customer.used() + more
            self.post(
                ask(
                    "debit",
                    account=account,
                    operation="fast",
                    quantity=max(1, 2 * credits),
                    reference=("generation", f"brink-{job}"),
                )
            )

    @precondition(some_holds)
    @rule(place=PLACES, kind=st.sampled_from(["debit", "hold"]), after=st.sampled_from([0, 0, -1]))
    def the_same_job(self, place: int, kind: str, after: int) -> None:
        """Ask for the job of a hold again, perhaps just when it has run out."""
        holds = [hold for c in self.bank.customers.values() for hold in c.holds]
        hold = holds[-1 - place % len(holds)]
        if hold.status == "open":
            self.now = max(self.now, hold.expires + after)
        names = ("account", "operation", "quantity", "reference")
        self.post(ask(kind, **{name: hold.about[name] for name in names}))

    @precondition(some_charges)
    @rule(place=st.integers(0, 3), credits=st.integers(1, 60), reason=REASONS)
    def small_refund(self, place: int, **members: Any) -> None:
        """Give back a part of what was charged not long ago."""
        self.post(ask("refund", line=self.line_at(place, charge=True), **members))

    @rule(
        account=ACCOUNTS,
        operation=OPERATIONS,
        quantity=st.integers(1, 120),
        ttl=TTLS,
        reference=REFERENCES,
    )
    def small_hold(self, **members: Any) -> None:
        """Set a little aside, so that there are holds to do something with."""
        self.post(ask("hold", **members))

    @rule(account=ACCOUNTS, before=st.sampled_from([0, 0, 1]))
    def wait_until_something_is_due(self, account: str, before: int) -> None:
        """To the very instant, or to the one before it."""
        if account in self.bank.customers:
            self.now = max(self.now, self.bank.customers[account].due() - before)

    @rule(
        account=ACCOUNTS,
        operation=OPERATIONS,
        quantity=SIZES,
        reference=REFERENCES,
        service=SERVICES,
        key=KEYS,
        late=st.sampled_from([*[None] * 8, HOUR, 34 * DAY, 36 * DAY]),
    )
    def debit(self, late: int | None, **members: Any) -> None:
        """Charge at once, perhaps late usage."""
        self.post(ask("debit", **members, occurred_at=late and self.now - late))

    @rule(
        account=ACCOUNTS,
        operation=OPERATIONS,
        quantity=SIZES,
        reference=REFERENCES,
        service=SERVICES,
        key=KEYS,
        ttl=TTLS,
    )
    def hold(self, **members: Any) -> None:
        """Set aside."""
        self.post(ask("hold", **members))

    @precondition(some_holds)
    @rule(
        place=PLACES,
        service=SERVICES,
        key=KEYS,
        ttl=st.sampled_from([60, 900, 86_400]),
        more=st.sampled_from([None, None, -1, 0, 1, 60, 400]),
    )
    def extend(self, place: int, more: int | None, **members: Any) -> None:
        """Let a hold live on, perhaps with more set aside."""
        holds = {h.name: h for c in self.bank.customers.values() for h in c.holds}
        name = self.hold_at(place)
        if more is not None and name in holds:
            members["quantity"] = max(1, holds[name].about["quantity"] + more)
        self.post(ask("extend", hold=name, **members))

    @precondition(some_holds)
    @rule(
        place=PLACES,
        service=SERVICES,
        key=KEYS,
        final=st.sampled_from([True, True, False]),
        credits=st.one_of(st.sampled_from([0, 1, 50]), SIZES),
        whole=st.booleans(),
    )
    def capture(self, place: int, whole: bool, credits: int, **members: Any) -> None:
        """Charge a hold: some credits, or exactly what it holds."""
        holds = {h.name: h for c in self.bank.customers.values() for h in c.holds}
        name = self.hold_at(place)
        if whole and name in holds:
            credits = holds[name].amount - holds[name].captured
        self.post(ask("capture", hold=name, credits=credits, **members))

    @precondition(some_holds)
    @rule(
        place=PLACES,
        service=SERVICES,
        key=KEYS,
        reason=st.sampled_from(["failed", "cancelled", "timed_out", "moderated", "expired"]),
    )
    def release(self, place: int, **members: Any) -> None:
        """Let a hold go."""
        self.post(ask("release", hold=self.hold_at(place), **members))

    @precondition(some_charges)
    @rule(
        place=PLACES,
        charge=st.sampled_from([True, True, True, False]),
        service=SERVICES,
        key=KEYS,
        credits=st.one_of(st.none(), st.integers(0, 120)),
        admin=st.booleans(),
        reason=st.sampled_from(["failed", "partial", "goodwill", "dispute", "because"]),
    )
    def refund(self, place: int, charge: bool, **members: Any) -> None:
        """Give back."""
        self.post(ask("refund", line=self.line_at(place, charge=charge), **members))

    @rule(
        account=ACCOUNTS,
        credits=st.one_of(SIZES, st.just(0)),
        reference=TICKETS,
        key=KEYS,
        origin=st.sampled_from(["purchase", "promotion", "goodwill", "import"]),
        life=st.sampled_from([None, None, 0, HOUR, 10 * DAY, 40 * DAY]),
        begins=st.sampled_from([None, None, None, DAY]),
        operations=st.sampled_from([None, None, ("speak",), ("fast", "clone")]),
        priority=st.sampled_from([None, None, None, 0, 60]),
    )
    def grant(self, life: int | None, begins: int | None, **members: Any) -> None:
        """Give credits, perhaps restricted, perhaps for a while, perhaps from tomorrow on."""
        if life is not None:
            members["expires_at"] = self.now + life
        if begins is not None:
            members["effective_at"] = self.now + begins
        self.post(ask("grant", **members))

    @rule(
        account=ACCOUNTS,
        amount=SIZES,
        sign=st.sampled_from([1, -1]),
        key=KEYS,
        reason=st.sampled_from(["correction", "chargeback"]),
    )
    def adjust(self, amount: int, sign: int, **members: Any) -> None:
        """Correct."""
        about: Ask = {"reference": ("payment", "1"), "note": "n", "approved_by": "otto"}
        self.post(ask("adjust", admin=True, amount=sign * amount, **about, **members))

    @rule(account=ACCOUNTS, tier=TIERS, anchor=st.sampled_from([None, None, None, START]))
    def change_plan(self, account: str, tier: str, anchor: int | None) -> None:
        """Upgrade, downgrade, keep, cancel."""
        self.post(self.put(account, tier, anchor_at=anchor))

    @rule(
        account=ACCOUNTS,
        status=st.sampled_from([*["active"] * 12, "suspended", "frozen", "closed"]),
    )
    def set_status(self, **members: Any) -> None:
        """Suspend, freeze, close, or lift it."""
        self.post(ask("status", admin=True, **members))

    @rule(
        account=ACCOUNTS,
        limit=st.sampled_from([*CREDIT_CAPS, *STOP_LOSSES]),
        operation=st.sampled_from([None, None, "speak", "fast", "stream"]),
        credits=st.sampled_from([None, 0, 49, 100, 150, 400, 1_000]),
        lift=st.sampled_from([False, False, True]),
    )
    def set_cap(self, **members: Any) -> None:
        """Cap what may be spent, take a cap away, or let a stop-loss be."""
        if members["limit"] in STOP_LOSSES:
            members["operation"] = None
        if members["limit"] in CREDIT_CAPS or not members["lift"]:
            members["lift"] = None
        else:
            members["credits"] = None
        self.post(ask("set_cap", admin=True, **members))

    @rule(account=ACCOUNTS)
    def advance(self, account: str) -> None:
        """Sweep."""
        self.post(ask("advance", account=account))

    @rule(place=PLACES)
    def again(self, place: int) -> None:
        """Send a request a second time, whatever has happened since."""
        if self.asked:
            self.post(self.asked[-1 - place % len(self.asked)])

    @rule(place=PLACES)
    def poison(self, place: int) -> None:
        """Send another request under a key that may be known."""
        if self.asked:
            it = self.asked[-1 - place % len(self.asked)]
            number = next(
                (name for name in ("quantity", "credits", "amount") if name in it["body"]), ""
            )
            if number:
                body = {**it["body"], number: it["body"][number] + 1}
                self.post({**it, **body, "body": body})

    @rule(
        places=st.lists(PLACES, min_size=2, max_size=3),
        quantity=SIZES,
        key=KEYS,
        reference=REFERENCES,
        kinds=st.lists(
            st.sampled_from(
                [
                    "debit",
                    "hold",
                    "capture",
                    "release",
                    "extend",
                    "refund",
                    "grant",
                    "put",
                    "status",
                    "cap",
                    "advance",
                    "again",
                ]
            ),
            min_size=3,
            max_size=3,
        ),
    )
    def together(
        self, places: list[int], quantity: int, key: str, reference: Any, kinds: list[str]
    ) -> None:
        """Several commands in one database transaction, on the same account and holds."""
        hold, line = self.hold_at(places[0]), self.line_at(places[0], charge=True)
        job = {"account": "ada", "operation": "speak", "quantity": quantity, "reference": reference}
        asks = {
            "debit": ask("debit", key=key, **job),
            "hold": ask("hold", **job),
            "capture": ask("capture", hold=hold, credits=min(quantity, 60)),
            "release": ask("release", hold=hold, reason="failed"),
            "extend": ask("extend", hold=hold, ttl=900),
            "refund": ask("refund", line=line, reason="failed", credits=min(quantity, 30)),
            "grant": ask("grant", account="ada", origin="purchase", credits=quantity,
                         reference=("payment", reference[1])),
            "put": self.put("ada", "plus" if quantity % 2 else "quit"),
            "status": ask("status", admin=True, account="ada",
                          status="suspended" if quantity % 7 == 0 else "active"),
            "cap": ask("set_cap", admin=True, account="ada", limit="credits_per_day",
                       credits=quantity),
            "advance": ask("advance", account="ada"),
            "again": self.asked[-1 - places[1] % len(self.asked)] if self.asked else
                     ask("advance", account="bob"),
        }  # fmt: skip
        self.post(*(asks[kind] for kind in [*kinds, kinds[0]][: len(places) + 1]))
