"""The members of each body: what is taken, and every fault named at once."""

from typing import Any

import pytest

from portal.internal.bodies import (
    AccountBody,
    BatchBody,
    Body,
    CaptureBody,
    DebitBody,
    ExtendBody,
    GrantBody,
    HoldBody,
    QuoteBody,
    RefundBody,
    ReleaseBody,
    shape_of,
)
from portal.internal.errors import ValidationError
from portal.internal.strict_json import OddNumber
from portal.ledger import AMOUNT_MAX, Reference

BODIES: list[type[Body]] = [
    QuoteBody, DebitBody, HoldBody, CaptureBody, ReleaseBody, ExtendBody, RefundBody, BatchBody,
    GrantBody, AccountBody,
]  # fmt: skip
DEBIT: dict[str, Any] = {
    "account": "acme",
    "operation": "generate",
    "quantity": 1204,
    "reference": {"type": "task", "id": "job-1"},
}
GRANT: dict[str, Any] = {
    "account": "acme",
    "credits": 500,
    "origin": "purchase",
    "reference": {"type": "payment", "id": "pay-1"},
}


def faults(body: type[Body], members: dict[str, Any]) -> dict[str, Any]:
    """Member to what came, for each fault."""
    with pytest.raises(ValidationError) as refused:
        body.read(members)
    return {fault.member: fault.got for fault in refused.value.faults}


def test_it_reads_a_debit() -> None:
    body = DebitBody.read(DEBIT)
    assert body.reference == Reference("task", "job-1")
    assert (body.account, body.operation, body.quantity) == ("acme", "generate", 1204)
    assert (body.quote, body.occurred_at, body.labels, body.metadata) == (None,) * 4


def test_it_reads_every_optional_member_of_a_debit() -> None:
    body = HoldBody.read(
        {
            **DEBIT,
            "quote": "qte_" + "0" * 40,
            "occurred_at": "2026-11-22T13:52:00.000001Z",
            "labels": {"voice": "Ada", "a": "1"},
            "metadata": {"take": 2, "draft": False, "note": None, "name": "é"},
            "ttl_seconds": 60,
        }
    )
    assert body.occurred_at == 1_795_355_520_000_001
    assert body.labels == '{"a":"1","voice":"Ada"}'
    assert body.metadata == '{"draft":false,"name":"é","note":null,"take":2}'
    assert body.ttl_seconds == 60


def test_a_value_once_read_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        DebitBody.read(DEBIT).quantity = 1  # type: ignore[misc]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_required_member_is_missed_and_every_other_refused_by_name(body: type[Body]) -> None:
    found = faults(body, {"x": 1, "credits_remaining": 10**6})
    assert set(found) == {"x", "credits_remaining", *shape_of(body).required}


def test_all_faults_are_told_at_once() -> None:
    members = {**DEBIT, "account": "a b", "quantity": 0, "reference": {"id": ""}, "more": True}
    assert faults(DebitBody, members) == {
        "account": "a b",
        "quantity": 0,
        "reference.type": None,
        "reference.id": "",
        "more": None,
    }


@pytest.mark.parametrize(
    "quantity",
    [0, -1, True, False, "5", None, [], {}, 10**12 + 1, 2**53, OddNumber("1.0"), OddNumber("1e2")],
    ids=str,
)
def test_quantities_are_whole_numbers_from_one(quantity: object) -> None:
    assert list(faults(DebitBody, {**DEBIT, "quantity": quantity})) == ["quantity"]
    assert list(faults(QuoteBody, {**{name: DEBIT[name] for name in list(DEBIT)[:2]},
                                   "quantity": quantity})) == ["quantity"]  # fmt: skip


def test_quantities_may_be_as_large_as_the_price_list_takes() -> None:
    assert DebitBody.read({**DEBIT, "quantity": 10**12}).quantity == 10**12


@pytest.mark.parametrize(
    "account",
    ["", "a b", "a/b", "é", "a" * 65, 5, None, "acme\n", "%61", ".", "..", "a\u200bb", "a\u202eb"],
    ids=ascii,
)
def test_account_ids_are_of_a_small_alphabet(account: object) -> None:
    assert list(faults(DebitBody, {**DEBIT, "account": account})) == ["account"]


@pytest.mark.parametrize("account", ["a", "A-1.b_c:d", "a" * 64, "...", ".a", "..b", "c.."])
def test_account_ids_are_the_callers_own(account: str) -> None:
    assert DebitBody.read({**DEBIT, "account": account}).account == account


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "a" * 129,
        "a\tb",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "e\u0301",
        "a\u202eb",
        "a\u2066b",
        "a\u200fb",
        "\ufeffa",
        "a\u2028b",
        "a\u200bb",
        "a\u200db",
        "a\u00adb",
        "a\u2060b",
        "a\ufe0f",
        "a\U000e0041",
        5,
        None,
        ["a"],
    ],
    ids=ascii,
)
def test_reference_ids_look_like_what_they_are(name: object) -> None:
    members = {**DEBIT, "reference": {"type": "task", "id": name}}
    assert list(faults(DebitBody, members)) == ["reference.id"]


@pytest.mark.parametrize("name", ["é", "任務 7", "a b", "a" * 128, "👩🔬", "~!@#$%^&*()"])
def test_reference_ids_may_be_in_any_script(name: str) -> None:
    members = {**DEBIT, "reference": {"type": "ticket", "id": name}}
    assert DebitBody.read(members).reference == Reference("ticket", name)


@pytest.mark.parametrize(
    "reference",
    [None, "task", [], {}, {"type": "task"}, {"id": "a"}, {"type": "other", "id": "a"}],
    ids=str,
)
def test_a_reference_has_a_type_and_an_id(reference: object) -> None:
    found = faults(DebitBody, {**DEBIT, "reference": reference})
    assert all(member.startswith("reference") for member in found)


def test_a_reference_has_nothing_else() -> None:
    members = {**DEBIT, "reference": {"type": "task", "id": "a", "note": "x"}}
    assert faults(DebitBody, members) == {"reference.note": "x"}


@pytest.mark.parametrize(
    "labels",
    [
        None,
        [],
        "a",
        {f"n{number}": "x" for number in range(17)},
        {"A": "x"},
        {"": "x"},
        {"1a": "x"},
        {"a" * 41: "x"},
        {"a": 1},
        {"a": None},
        {"a": ""},
        {"a": "x" * 201},
        {"a": "x\u202e"},
    ],
    ids=lambda labels: str(labels)[:20],
)
def test_labels_are_few_and_short(labels: object) -> None:
    found = faults(DebitBody, {**DEBIT, "labels": labels})
    assert all(member.split(".")[0] == "labels" for member in found)


def test_sixteen_labels_are_taken() -> None:
    labels = {f"n{number}": "x" * 200 for number in range(16)}
    assert DebitBody.read({**DEBIT, "labels": labels}).labels is not None


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        1,
        {"a": {}},
        {"a": [1]},
        {"a": OddNumber("1.5")},
        {"a": "x\x07"},
        {"": 1},
        {"a": "x" * 2048},
        {"a": "é" * 1100},
    ],
    ids=lambda metadata: ascii(metadata)[:20],
)
def test_metadata_is_an_object_of_scalars_of_at_most_2_kib(metadata: object) -> None:
    found = faults(DebitBody, {**DEBIT, "metadata": metadata})
    assert all(member.split(".")[0] == "metadata" for member in found)


def test_two_kib_of_metadata_are_taken() -> None:
    text = "x" * (2048 - len('{"a":""}'))
    assert DebitBody.read({**DEBIT, "metadata": {"a": text}}).metadata == f'{{"a":"{text}"}}'


def test_empty_labels_and_metadata_are_none() -> None:
    body = DebitBody.read({**DEBIT, "labels": {}, "metadata": {}})
    assert (body.labels, body.metadata) == (None, None)


@pytest.mark.parametrize("at", ["2026-11-22", 1_795_355_520, None, "", "2026-11-22T13:52:00+01:00"])
def test_times_are_utc(at: object) -> None:
    assert faults(DebitBody, {**DEBIT, "occurred_at": at}) == {"occurred_at": at}


@pytest.mark.parametrize("ttl", [0, -1, 86_401, "60", True])
def test_a_hold_lives_at_most_a_day(ttl: object) -> None:
    assert list(faults(HoldBody, {**DEBIT, "ttl_seconds": ttl})) == ["ttl_seconds"]
    assert list(faults(ExtendBody, {"ttl_seconds": ttl})) == ["ttl_seconds"]


def test_a_capture_may_be_zero_and_is_final_unless_it_says_otherwise() -> None:
    assert CaptureBody.read({"credits": 0}) == CaptureBody(credits=0, final=True)
    assert CaptureBody.read({"credits": 5, "final": False}).final is False
    assert list(faults(CaptureBody, {"credits": -1, "final": 1})) == ["credits", "final"]


def test_a_release_and_a_refund_have_reasons_from_a_list() -> None:
    assert ReleaseBody.read({"reason": "timed_out"}).reason == "timed_out"
    assert list(faults(ReleaseBody, {"reason": "expired"})) == ["reason"]
    entry = "ent_" + "0" * 32
    assert RefundBody.read({"entry": entry, "reason": "goodwill"}).credits is None
    found = faults(RefundBody, {"entry": "x", "reason": "usage", "credits": 0})
    assert list(found) == ["entry", "reason", "credits"]


def test_a_grant_is_read() -> None:
    body = GrantBody.read(
        {**GRANT, "priority": 0, "operations": ["generate", "design"], "credits": AMOUNT_MAX,
         "effective_at": "2026-11-22T13:52:00Z", "expires_at": "2027-11-22T13:52:00Z"}
    )  # fmt: skip
    assert body.operations == ("generate", "design")
    assert body.priority == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "allocation"},
        {"origin": "rollover"},
        {"origin": "reinstatement"},
        {"reference": {"type": "period", "id": "2026-12-01"}},
        {"credits": 0},
        {"credits": AMOUNT_MAX + 1},
        {"priority": 101},
        {"priority": -1},
        {"operations": []},
        {"operations": "generate"},
        {"operations": ["generate", "generate"]},
        {"operations": ["Generate"]},
    ],
    ids=str,
)
def test_a_grant_cannot_pose_as_one_of_the_ledgers_own(changed: dict[str, Any]) -> None:
    found = faults(GrantBody, {**GRANT, **changed})
    assert {member.split(".")[0] for member in found} == set(changed)


def test_an_account_has_a_name_a_tier_and_a_time_zone() -> None:
    body = AccountBody.read({"name": "Åsa & Söner", "tier": "pro", "time_zone": "Europe/Stockholm"})
    assert (body.name, body.time_zone) == ("Åsa & Söner", "Europe/Stockholm")
    assert AccountBody.read({"name": "x", "tier": "pro"}).time_zone == "UTC"
    wrong = {"name": "x\n", "tier": "Pro!", "time_zone": "../../etc/passwd"}
    assert list(faults(AccountBody, wrong)) == ["name", "tier", "time_zone"]


def test_names_are_written_as_people_write_them() -> None:
    for name in ("می\u200cخواهم", "👩\u200d🔬 Labs", "❤\ufe0f Ltd"):
        assert AccountBody.read({"name": name, "tier": "pro"}).name == name
    assert list(faults(AccountBody, {"name": "a\u200bb", "tier": "pro"})) == ["name"]


def test_long_values_are_cut_short_in_faults() -> None:
    found = faults(DebitBody, {**DEBIT, "account": "x" * 10_000, "y" * 10_000: 1})
    assert found["account"] == "x" * 64 + "…"
    assert all(len(member) <= 65 for member in found)
