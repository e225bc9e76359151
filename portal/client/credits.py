"""The client: one object for one service key, which any number of threads may share."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from portal.client import arguments
from portal.client.answers import (
    Account,
    Entry,
    Posted,
    Quote,
    read,
    read_posted,
    read_results,
)
from portal.client.commands import (
    CaptureHold,
    Command,
    Debit,
    ExtendHold,
    PlaceHold,
    Refund,
    ReleaseHold,
    in_batch,
)
from portal.client.connections import Connections
from portal.client.errors import RefusedError
from portal.client.holding import HeldCredits
from portal.client.members import (
    GRANT,
    Referred,
    json_body,
    named,
    own_key,
    referred,
    timed,
    units,
)
from portal.client.patience import Patience, checked
from portal.client.reads import Reads
from portal.client.sending import ROOT, Asked, Sender, Told
from portal.client.settings import Settings
from portal.clock import utc_now


class Credits(Reads):
    """Asks the portal in the name of one service.

    Whatever changes an account has a key: one for one intention, so that it happens once however
    often it is sent. It is made where none is given; give one to be able to repeat it later, from
    another process. `deadline` is in seconds. Each method raises a CreditsError.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        patience: Patience = Patience(),  # noqa: B008 - it cannot be changed
        clock: Callable[[], int] = utc_now,
    ) -> None:
        arguments.one_of("Settings", Settings)("settings", settings)
        connections = Connections(settings.url, settings.tls())
        super().__init__(Sender(settings, checked(patience), connections, clock))

    @classmethod
    def to(cls, url: str, kid: str, secret: str, **more: Any) -> Self:
        """A client of the portal at `url`; `more` as Settings.of takes it."""
        return cls(Settings.of(url, kid, secret, **more))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """A client as PORTAL_CLIENT_* describe it."""
        return cls(Settings.from_environment(environment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept; the client may still be used."""
        self._sender.close()

    # --- what a job costs ------------------------------------------------------------------------

    def quote(
        self,
        account: str,
        operation: str,
        *,
        quantity: int | None = None,
        text: str | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Quote:
        """The price of an operation for an account, honoured for half an hour."""
        arguments.text("account", account)
        arguments.text("operation", operation)
        asked = {"account": account, "operation": operation, "quantity": units(quantity, text)}
        return read(Quote, self._post("/quotes", asked, key, deadline)[1].members.get("quote"))

    def debit(
        self,
        account: str,
        operation: str,
        *,
        reference: Referred,
        quantity: int | None = None,
        text: str | None = None,
        quote: Quote | str | None = None,
        occurred_at: int | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Charge at once. quantity, or the text to be counted; occurred_at: UTC microseconds."""
        asked = Debit(
            account,
            operation,
            reference=reference,
            quantity=quantity,
            text=text,
            quote=quote,
            occurred_at=occurred_at,
            labels=labels,
            metadata=metadata,
            key=own_key(key),
        )
        return self._do(asked, deadline)

    def hold(
        self,
        account: str,
        operation: str,
        *,
        reference: Referred,
        quantity: int | None = None,
        text: str | None = None,
        ttl_seconds: int | None = None,
        heartbeat: bool = False,
        quote: Quote | str | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> HeldCredits:
        """Set a job's price aside, before any work; `with` it, the job's end decides the rest.

        heartbeat: a thread of its own extends the hold for as long as the block lasts.
        Raises InsufficientCreditsError; its key may be used again after a top-up.
        """
        arguments.flag("heartbeat", heartbeat)
        asked = PlaceHold(
            account,
            operation,
            reference=reference,
            quantity=quantity,
            text=text,
            quote=quote,
            labels=labels,
            metadata=metadata,
            ttl_seconds=ttl_seconds,
            key=own_key(key),
        )
        placed = self._do(asked, deadline)
        return HeldCredits(self, placed, ttl_seconds, heartbeat)

    def capture(
        self,
        hold: str,
        credits: int,
        *,
        final: bool = True,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Charge credits of a hold, by its id; 0 is zero. Unless final, the rest stays held."""
        return self._do(CaptureHold(hold, credits, final, key=own_key(key)), deadline)

    def release(
        self,
        hold: str,
        reason: str = "failed",
        *,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Give all that a hold still sets aside back: failed, cancelled, timed_out, moderated."""
        return self._do(ReleaseHold(hold, reason, key=own_key(key)), deadline)

    def extend(
        self,
        hold: str,
        ttl_seconds: int,
        *,
        quantity: int | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Let a hold live for ttl_seconds from now; a larger quantity sets more aside."""
        return self._do(ExtendHold(hold, ttl_seconds, quantity, key=own_key(key)), deadline)

    def refund(
        self,
        entry: Entry | str,
        reason: str,
        *,
        credits: int | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Undo a debit or capture: all that is left of it, or only some credits."""
        return self._do(Refund(entry, reason, credits, key=own_key(key)), deadline)

    # --- many at once ----------------------------------------------------------------------------

    def batch(
        self,
        commands: Sequence[Command],
        *,
        atomic: bool = False,
        deadline: float | None = None,
    ) -> list[Posted | RefusedError]:
        """Do up to 1,000 commands at once; what became of each, in order, refusals not raised.

        atomic: all of them or none; then the refusal of one is raised, `index` saying which.
        Each command carries a key of its own: the same commands again repeat what was not heard.
        """
        arguments.flag("atomic", atomic)
        asked = {"commands": in_batch(commands), "atomic": atomic}
        _, told = self._post("/batch", asked, None, deadline)
        return read_results(told.members, [each.key for each in commands])

    # --- who there is ----------------------------------------------------------------------------

    def grant(
        self,
        account: str,
        credits: int,
        *,
        origin: str,
        reference: Referred,
        expires_at: int | None = None,
        effective_at: int | None = None,
        priority: int | None = None,
        operations: Sequence[str] | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Posted:
        """Give credits: purchase, promotion, goodwill or import; a payment gives them once."""
        asked = {
            "account": account,
            "credits": credits,
            "origin": origin,
            "reference": referred(reference),
            "expires_at": timed("expires_at", expires_at),
            "effective_at": timed("effective_at", effective_at),
            "priority": priority,
            "operations": operations,
        }
        arguments.check(GRANT, asked)
        used, told = self._post("/grants", asked, key, deadline)
        return read_posted(told.members, used, told.replayed)

    def open_account(
        self, account: str, name: str, tier: str, *, deadline: float | None = None, **terms: Any
    ) -> Account:
        """Open an account or change its terms; the same again changes nothing.

        terms: anchor_at (UTC microseconds), time_zone.
        """
        if "anchor_at" in terms:
            terms["anchor_at"] = timed("anchor_at", terms["anchor_at"])
        arguments.text("name", name)
        arguments.text("tier", tier)
        body = json_body({"name": name, "tier": tier, **terms})
        asked = Asked("PUT", f"{ROOT}/accounts/{named('account', account)}", body=body)
        return read(Account, self._sender.send(asked, deadline).members.get("account"))

    # --- the way to the door ---------------------------------------------------------------------

    def _do(self, command: Command, deadline: float | None) -> Posted:
        _, told = self._post(command.path, command.members(), command.key, deadline)
        return read_posted(told.members, command.key, told.replayed)

    def _post(
        self, path: str, members: Mapping[str, Any], key: str | None, deadline: float | None
    ) -> tuple[str, Told]:
        key = own_key(key)
        asked = Asked("POST", ROOT + path, body=json_body(members), key=key)
        return key, self._sender.send(asked, deadline)
