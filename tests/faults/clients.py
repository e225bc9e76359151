"""Clients of a bank over HTTP: jobs alone and in batches on few busy accounts, many said twice.

All that was asked and told is kept for the checker. Readers see to it that each balance and each
page of entries closes.
"""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

from tests.faults.door import PATIENCE, Door
from tests.faults.history import Asked, Told, batch_of, new_key, parts

TIERS = ("scale", "free", "pro", "starter", "scale", "free", "free", "pro")
WEIGHTS = {"debit": 40, "hold": 20, "capture": 14, "release": 5, "extend": 5, "refund": 8,
           "grant": 5, "put": 3, "batch": 4}  # fmt: skip
BATCHED = ("debit", "hold", "capture", "release", "extend", "refund")
SIZES = (3, 10, 50)  # the largest of a batch, one of these
READING = 0.05  # seconds from one read to the next


class Crowd:
    """Threads that ask until they are told to stop; `history` is all they were told."""

    def __init__(self, door: Door, seed: int, clients: int, accounts: int) -> None:
        self.door, self.seed, self.clients = door, seed, clients
        self.tiers = {f"acme-{n}": TIERS[n % len(TIERS)] for n in range(accounts)}
        self.weights = list(accumulate(1 / (n + 1) for n in range(accounts)))  # zipf
        self.history: list[Told] = []
        self.faults: list[str] = []
        self.stopping = threading.Event()
        self.holds: deque[tuple[str, str, int, int]] = deque(maxlen=400)
        self.charges: deque[tuple[str, str, int]] = deque(maxlen=400)
        self.said: deque[Asked] = deque(maxlen=4_000)
        self.batches: deque[Asked] = deque(maxlen=200)
        self.threads: list[threading.Thread] = []
        self.echoes = ThreadPoolExecutor(clients, "echo")

    def open(self) -> None:
        """Open all accounts."""
        for name in self.tiers:
            self.keep(self.door.tell(self.put(name)))

    def start(self) -> None:
        """Let everybody ask."""
        for number in range(self.clients):
            self.begin(self.ask_on, random.Random(f"{self.seed} client {number}"))
        for number in range(2):
            self.begin(self.read_on, random.Random(f"{self.seed} reader {number}"))

    def begin(self, work: Any, lots: random.Random) -> None:
        """A thread that works until it is told to stop, and whose end by an error is a fault."""

        def do() -> None:
            try:
                while not self.stopping.is_set():
                    work(lots)
            except Exception as error:
                self.faults.append(f"a client broke: {type(error).__name__}: {error}")

        self.threads.append(threading.Thread(target=do, daemon=True))
        self.threads[-1].start()

    def stop(self) -> None:
        """Wait until everybody has his last answer."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE + 30)
            if thread.is_alive():
                self.faults.append("a client hangs")
        self.echoes.shutdown()
        self.door.connections.close()

    # --- asking ------------------------------------------------------------------------------

    def ask_on(self, lots: random.Random) -> None:
        """One request: a new one, or one that was said before; now and then said twice at once."""
        if lots.random() < 0.1 and self.said:
            self.keep(self.door.tell(self.again(lots)))
            return
        asked = self.new(lots)
        echo = self.echoes.submit(self.door.tell, asked) if lots.random() < 0.1 else None
        told = self.door.tell(asked)
        if echo is not None:
            self.keep(echo.result())
        self.keep(told)
        self.note(told)
        if asked.atomic and told.status >= 400:
            # Nothing is bound to the keys of what was undone: now each on its own, or all anew.
            told = self.door.tell(batch_of(asked.commands, atomic=lots.random() < 0.2))
            self.keep(told)
            self.note(told)

    def again(self, lots: random.Random) -> Asked:
        """What was said before, or its key with another request."""
        if self.batches and lots.random() < 0.15:
            return lots.choice(self.batches)
        asked = lots.choice(self.said)
        if lots.random() < 0.1 and asked.kind == "debit":
            members = asked.members | {"quantity": asked.members["quantity"] + 1}
            return asked._replace(members=members)
        return asked

    def keep(self, told: Told) -> None:
        """For the checker."""
        self.history.append(told)

    def note(self, told: Told) -> None:
        """What may be asked next, of all that was done."""
        if told.asked.commands:
            self.batches.append(told.asked)
        for part in parts(told):
            if part.status == 201 and part.asked.key:
                self.note_done(part.asked, part)

    def note_done(self, asked: Asked, told: Told) -> None:
        """The same again, something with the hold, the charge back."""
        self.said.append(asked)
        entry = told.answer["entry"]
        if asked.kind in ("hold", "extend") and asked.members.get("ttl_seconds") != 1:
            hold = told.answer["hold"]
            self.holds.append((asked.account, hold["id"], hold["amount"], hold["quantity"]))
        if entry["amount"] < 0:
            self.charges.append((asked.account, entry["id"], -entry["amount"]))

    def new(self, lots: random.Random) -> Asked:
        """A request that nobody has made."""
        [kind] = lots.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return self.batch(lots) if kind == "batch" else self.one(kind, lots)

    def batch(self, lots: random.Random) -> Asked:
        """Commands of all kinds, or debits alone, which more often are all done; few of them were
        said before, or are said twice in it.
        """
        commands: list[Asked] = []
        kinds = lots.choice((BATCHED, BATCHED, BATCHED[:1]))
        weights = [WEIGHTS[kind] for kind in kinds]
        for _ in range(lots.randint(1, lots.choice(SIZES))):
            chance = lots.random()
            if chance < 0.02 and self.said and (known := self.again(lots)).kind in BATCHED:
                commands.append(known)
            elif chance < 0.03 and commands:
                commands.append(lots.choice(commands))
            else:
                [kind] = lots.choices(kinds, weights)
                commands.append(self.one(kind, lots))
        return batch_of(commands, atomic=lots.random() < 0.5)

    def one(self, kind: str, lots: random.Random) -> Asked:
        """A request of a kind; a job instead where there is nothing yet to ask it of."""
        [account] = lots.choices(list(self.tiers), cum_weights=self.weights)
        if kind in ("capture", "release", "extend"):
            return self.of_hold(kind, lots) or self.job("hold", account, lots)
        if kind == "refund":
            return self.refund(lots) or self.job("debit", account, lots)
        if kind == "grant":
            reference = {"type": "payment", "id": f"pay-{lots.getrandbits(64):x}"}
            members = {"account": account, "credits": lots.randint(50, 500),
                       "origin": "purchase", "reference": reference}  # fmt: skip
            return Asked("grant", account, "/grants", members, new_key())
        return self.put(account) if kind == "put" else self.job(kind, account, lots)

    def put(self, account: str) -> Asked:
        """An account with its terms, which never change."""
        return Asked("put", account, f"/accounts/{account}",
                     {"name": account, "tier": self.tiers[account]})  # fmt: skip

    def job(self, kind: str, account: str, lots: random.Random) -> Asked:
        """A debit or a hold; some jobs are done twice, some holds are forgotten."""
        operation = lots.choice(("generate", "generate", "generate.fast", "design"))
        members: dict[str, Any] = {
            "account": account,
            "operation": operation,
            "quantity": 1 if operation == "design" else lots.randint(1, 60),
            "reference": {"type": "task", "id": f"job-{lots.getrandbits(64):x}"},
        }
        if kind == "hold" and lots.random() < 0.2:
            members["ttl_seconds"] = 1
        if self.said and lots.random() < 0.02:
            before = lots.choice(self.said)
            if before.kind in ("debit", "hold") and before.members.get("ttl_seconds") != 1:
                same = ("account", "operation", "reference")
                members |= {name: before.members[name] for name in same}
                account = before.account
        return Asked(kind, account, f"/{kind}s", members, new_key())

    def of_hold(self, kind: str, lots: random.Random) -> Asked | None:
        """Something with a hold, which sometimes somebody else does something with, too."""
        try:
            found = self.holds.popleft()
        except IndexError:
            return None
        if lots.random() < 0.15:
            self.holds.append(found)
        account, name, amount, quantity = found
        members: dict[str, Any] = {"reason": "failed"}
        if kind == "capture":
            members = {"credits": lots.randint(0, amount + amount // 8)}
            if lots.random() < 0.2:
                members["final"] = False
                self.holds.append(found)
        elif kind == "extend":
            members = {"ttl_seconds": 900, "quantity": quantity + lots.randint(0, 20)}
        return Asked(kind, account, f"/holds/{name}/{kind}", members, new_key())

    def refund(self, lots: random.Random) -> Asked | None:
        """A charge back, whole or in part, sometimes more often than it was charged."""
        if not self.charges:
            return None
        account, entry, amount = lots.choice(self.charges)
        members: dict[str, Any] = {"entry": entry, "reason": "failed"}
        if lots.random() < 0.7:
            members["credits"] = lots.randint(1, amount)
        return Asked("refund", account, "/refunds", members, new_key())

    # --- reading -----------------------------------------------------------------------------

    def read_on(self, lots: random.Random) -> None:
        """A balance and a page of entries, each of which must close."""
        [account] = lots.choices(list(self.tiers), cum_weights=self.weights)
        self.keep(self.door.tell(Asked("read", account, f"/accounts/{account}/balance", {})))
        told = self.door.tell(Asked("page", account, f"/accounts/{account}/entries?limit=50", {}))
        if told.status == 200:
            entries = told.answer["entries"]
            self.faults += open_in(entries[::-1])
            told = told._replace(body=json.dumps({"balance": after(entries[0])}).encode())
        self.keep(told)
        self.stopping.wait(READING)


def open_in(entries: list[dict[str, Any]]) -> list[str]:
    """Where a page, oldest first, does not close: opening + in - out = closing, of both sums."""
    return [
        f"a page does not close: {before['seq']} {now}"
        for before, now in pairwise(entries)
        if now["seq"] != before["seq"] + 1
        or now["posted_after"] != before["posted_after"] + now["amount"]
        or now["held_after"] != before["held_after"] + now["hold_amount"]
    ]


def after(entry: dict[str, Any]) -> dict[str, Any]:
    """The balance that the newest entry of a page tells."""
    posted, held = entry["posted_after"], entry["held_after"]
    return {"account": entry["account"], "posted": posted, "held": held,
            "available": posted - held, "seq": entry["seq"]}  # fmt: skip
