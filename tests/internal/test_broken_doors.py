"""The controls of the gate at the door: a portal with one thing broken fails the check of it.

Each names a check as its own file makes it, and what is broken; the check must not pass then.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask

from portal import signing
from portal.database import Database
from portal.internal import door, rules
from portal.internal.errors import MalformedRequestError
from portal.internal.keys import KeyRing
from portal.ledger import book, known, posting
from portal.ledger import commands as asked
from portal.signing import profile
from tests.internal import test_content as content
from tests.internal import test_debits as debits
from tests.internal import test_door as doors
from tests.internal import test_holds as holds
from tests.internal.service import BESIDE, Clock, Service, digest_of, new_key
from tests.signed import weakened
from tests.signing import test_profile as signatures

pytestmark = [
    pytest.mark.gate,
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]
Break = Callable[[pytest.MonkeyPatch], None]


LIMIT = 200_000
QUOTE = '"'


class Stage(NamedTuple):
    """What a check may ask for, by name."""

    service: Service
    app: Flask
    clock: Clock
    vault: Database


@pytest.fixture
def stage(service: Service, app: Flask, clock: Clock, vault: Database) -> Stage:
    return Stage(service, app, clock, vault)


# --- who signed (12) ------------------------------------------------------------------------------


def let_anybody_sign(patch: pytest.MonkeyPatch) -> None:
    """Whatever the signature is, who names a key has it."""
    patch.setattr(signing, "check", lambda *_: None)


def tell_who_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """A key id that nobody has gets an answer of its own."""
    find = KeyRing.find

    def telling(ring: KeyRing, kid: str) -> Any:
        found = find(ring, kid)
        if found is None:
            raise MalformedRequestError("There is no such key.")
        return found

    patch.setattr(KeyRing, "find", telling)


def ask_for_who_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """A key id that nobody has is looked for in the database each time."""
    find = KeyRing.find

    def asking(ring: KeyRing, kid: str) -> Any:
        found = find(ring, kid)
        if found is None:
            for _ in range(5):
                tuple(ring._load())
        return found

    patch.setattr(KeyRing, "find", asking)


def forget_revocations(patch: pytest.MonkeyPatch) -> None:
    """A key is good whenever it is used."""
    patch.setattr(signing.Key, "good_at", lambda key, now: True)


# --- what was signed (14, 16, 19) -----------------------------------------------------------------


def sign_what_is_listed(patch: pytest.MonkeyPatch) -> None:
    """The request says which components its signature covers."""
    loose = weakened({r"\({re.escape(names)}\)": r"\([^)]*\)"})

    def obliging(form: Any, method: str, authority: str, told: str, mac: str, values: Any) -> Any:
        names = re.findall(r'"[^"]+"(?:;\w+(?:="[^"]*")?)*', told.partition(")")[0])
        wide = next(each for each in loose._FORM.values() if each.names == form.names)
        parsed = loose._parse(wide, method, authority, told, mac, values)
        if parsed is None:
            return None
        given = ("@method", "@authority", *re.findall(r'"([^"]+)"', form.names)[2:])
        lines = dict(zip(given, (method, authority, *values), strict=True))
        lines |= {"date": "Sun, 22 Nov 2026 13:52:00 GMT", "@query": "?"}
        base = [f"{name}: {lines[name.split(QUOTE)[1]]}" for name in names]
        base.append(f'"@signature-params": {told.removeprefix("sig1=")}')
        return parsed._replace(base="\n".join(base).encode())

    patch.setattr(profile, "_parse", obliging)


def take_any_sign(patch: pytest.MonkeyPatch) -> None:
    """Values of headers are not looked at before they are laid out."""
    loose = weakened({'r"[!-~][ -~]{0,254}[!-~]"': 'r"[^\\n]{2,256}"'})
    patch.setattr(profile, "_FORM", loose._FORM)


def decode_leniently(patch: pytest.MonkeyPatch) -> None:
    """Signatures are compared as the bytes that a lenient decoder reads in them."""
    loose = weakened({"[AEIMQUYcgkosw048]=": "[A-Za-z0-9+/]="})
    compare = hmac.compare_digest
    patch.setattr(profile, "_FORM", loose._FORM)
    patch.setattr(hmac, "compare_digest", lambda one, other: compare(decoded(one), decoded(other)))


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


SIGNATURES: dict[str, tuple[Break, Callable[[], None]]] = {
    "covered-as-listed": (
        sign_what_is_listed,
        lambda: signatures.test_it_refuses_any_other_list_of_components(["@method", "@path"]),
    ),
    "parameters-of-components": (
        sign_what_is_listed,
        lambda: signatures.test_it_refuses_parameters_on_components(";req"),
    ),
    "lenient-base64": (
        decode_leniently,
        signatures.test_it_refuses_a_mac_in_other_than_canonical_base64,
    ),
    "any-sign": (
        take_any_sign,
        lambda: signatures.test_odd_characters_anywhere_are_refused_and_raise_nothing_else("é"),
    ),
}


@pytest.mark.parametrize(("broken", "check"), SIGNATURES.values(), ids=SIGNATURES)
def test_control_of_the_signature(
    dialect: str, monkeypatch: pytest.MonkeyPatch, broken: Break, check: Callable[[], None]
) -> None:
    check()
    broken(monkeypatch)
    with pytest.raises((AssertionError, UnicodeEncodeError, pytest.fail.Exception)):
        check()


# --- keys of requests, and natural ones (21-25, 30) -----------------------------------------------


def forget_keys(patch: pytest.MonkeyPatch) -> None:
    """Every request is a new intention."""
    real = door.Caller.bound
    patch.setattr(door.Caller, "bound", lambda *given: real(*given)._replace(key=new_key()))


def forget_bodies(patch: pytest.MonkeyPatch) -> None:
    """What a key was first used for is not compared."""
    real = door.Caller.bound
    patch.setattr(door.Caller, "bound", lambda *given: real(*given)._replace(body="{}"))


def share_keys(patch: pytest.MonkeyPatch) -> None:
    """Keys of requests belong to all services together."""
    real = door.Caller.bound
    patch.setattr(door.Caller, "bound", lambda *given: real(*given)._replace(service="all"))


def forget_references(patch: pytest.MonkeyPatch) -> None:
    """A job may be charged again under another key."""
    patch.setattr(known, "claim_of", lambda command: ("", "", "", ""))


def let_refusals_go(patch: pytest.MonkeyPatch) -> None:
    """A debit that was refused for funds is decided anew under its key."""
    patch.setattr(posting.Posting, "_bind_refusal", lambda *_: None)


def keep_refusals_of_holds(patch: pytest.MonkeyPatch) -> None:
    """A hold that was refused for funds stays refused, as a debit does."""
    real = posting.Posting._refuse

    def keeping(made: posting.Posting, command: Any, outcome: Any, *more: Any) -> Any:
        refused = real(made, command, outcome, *more)
        if isinstance(command, asked.PlaceHold) and command.request and made.pages.refusals:
            made._bind_refusal(command.request, made.pages.refusals[-1])
        return refused

    patch.setattr(posting.Posting, "_refuse", keeping)


# --- numbers, texts, sizes (35-38) ----------------------------------------------------------------


def read_as_the_library_does(patch: pytest.MonkeyPatch) -> None:
    """JSON as Python reads it: NaN, the last of two members, halves of characters."""
    patch.setattr(door, "read_object", json.loads)


def take_for_a_number(patch: pytest.MonkeyPatch) -> None:
    """Whatever compares as a number is one."""
    patch.setattr(rules, "type", lambda value: int, raising=False)


def read_any_length(patch: pytest.MonkeyPatch) -> None:
    """Content has no largest size."""
    patch.setattr(door, "CONTENT_MAX", 10**9)


def read_chunks(patch: pytest.MonkeyPatch) -> None:
    """Content is read however it comes."""
    patch.setattr(door, "_content", lambda environ: environ["wsgi.input"].read())


def check_balance_limit(stage: Stage) -> None:
    """Grants are given up to the largest balance, to the credit, and not one more."""
    room = LIMIT - stage.service.get("/accounts/acme/balance").json["balance"]["posted"]

    def grant(credits: int) -> Any:
        members = {"account": "acme", "credits": credits, "origin": "purchase"}
        members["reference"] = {"type": "payment", "id": new_key()}
        return stage.service.post("/grants", members)

    assert [grant(credits).status_code for credits in (room - 7, 7)] == [201, 201]
    before = digest_of(stage.vault, without=BESIDE)
    answer = grant(1)
    assert (answer.status_code, answer.json.get("code")) == (422, "balance_limit")
    assert (answer.json["maximum"], answer.json["amount"]) == (LIMIT, 1)
    assert digest_of(stage.vault, without=BESIDE) == before


def test_a_balance_has_a_largest_value(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a smaller one, which a control takes away; at its own size: test_largest_balance.py."""
    monkeypatch.setattr(book, "BALANCE_MAX", LIMIT)
    check_balance_limit(stage)


# --- each of them ---------------------------------------------------------------------------------

BROKEN: dict[str, tuple[Break, Callable[[Stage], None]]] = {
    "any-signature": (
        let_anybody_sign,
        lambda at: doors.test_every_wrong_signature_gets_the_same_answer(
            at.service, at.vault, {"secret": ""}
        ),
    ),
    "unknown-kid-told": (
        tell_who_is_unknown,
        lambda at: doors.test_every_wrong_signature_gets_the_same_answer(
            at.service, at.vault, {"kid": doors.KID_OF_NOBODY}
        ),
    ),
    "unknown-kid-looked-for": (
        ask_for_who_is_unknown,
        lambda at: doors.test_refusing_takes_the_same_time_whatever_is_wrong(at.service),
    ),
    "revoked-key": (
        forget_revocations,
        lambda at: doors.test_keys_revoked_not_yet_good_or_over_get_the_same_answer(
            at.service, at.app, at.clock, at.vault
        ),
    ),
    "no-keys-replayed": (
        forget_keys,
        lambda at: debits.test_the_same_bytes_a_hundred_times_charge_once(at.service),
    ),
    "no-keys-later": (
        forget_keys,
        lambda at: debits.test_the_same_key_signed_anew_400_days_later_gets_the_same_bytes(
            at.service, at.app, at.clock
        ),
    ),
    "copies-for-ever": (
        lambda patch: patch.setattr(profile, "SKEW", 10**15),
        lambda at: debits.test_after_its_window_the_same_bytes_are_refused(at.service, at.clock),
    ),
    "bodies-not-compared": (
        forget_bodies,
        lambda at: debits.test_the_same_key_for_another_request_names_what_differs(
            at.service, at.vault
        ),
    ),
    "keys-of-all-services": (
        share_keys,
        lambda at: debits.test_keys_of_services_are_their_own(at.service, at.app, at.clock),
    ),
    "jobs-charged-again": (
        forget_references,
        lambda at: debits.test_one_job_is_charged_once_whatever_the_key(at.service, at.vault),
    ),
    "refusal-of-a-debit-forgotten": (
        let_refusals_go,
        lambda at: debits.test_a_debit_without_credits_is_refused_with_numbers_and_stays_refused(
            at.service
        ),
    ),
    "refusal-of-a-hold-kept": (
        keep_refusals_of_holds,
        lambda at: holds.test_a_hold_without_credits_may_be_tried_again_with_the_same_key(
            at.service
        ),
    ),
    "units-taken-as-truth": (
        take_for_a_number,
        lambda at: content.test_units_of_every_odd_kind(at.service, at.vault, "true"),
    ),
    "json-of-the-library-twice": (
        read_as_the_library_does,
        lambda at: content.test_a_member_that_comes_twice_is_named(at.service, at.vault),
    ),
    "json-of-the-library-texts": (
        read_as_the_library_does,
        lambda at: content.test_texts_of_every_odd_kind(
            at.service, at.vault, content.TEXTS["lone-surrogate"]
        ),
    ),
    "json-of-the-library-nesting": (
        read_as_the_library_does,
        lambda at: content.test_what_is_no_object_is_malformed(at.service, at.vault, b"[" * 10_000),
    ),
    "any-length": (
        read_any_length,
        lambda at: doors.test_content_has_a_size(at.service, at.vault),
    ),
    "chunks": (
        read_chunks,
        lambda at: doors.test_content_comes_with_its_length(at.service),
    ),
    "no-largest-balance": (
        lambda patch: patch.setattr(book, "BALANCE_MAX", 10**15),
        check_balance_limit,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("broken", "check"), BROKEN.values(), ids=BROKEN)
def test_control_of_the_door(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: Break, check: Callable[[Stage], None]
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        check(stage)
