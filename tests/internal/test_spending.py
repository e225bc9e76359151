"""What debits and holds share: a quote is honoured in its half hour, and for a retry after it."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import given, reject
from hypothesis import strategies as st

from portal import ledger, pricing
from portal.current import Application
from portal.database import Database
from portal.internal import rules
from portal.internal.bodies import HoldBody
from portal.internal.errors import ValidationError
from portal.internal.spending import intention
from portal.internal.strict_json import canonical
from tests.internal.service import Clock, Service, debit_of, digest_of, new_key
from tests.internal.test_quotes import quoted


def test_what_was_quoted_is_honoured_though_prices_change(
    service: Service, app: Flask, clock: Clock
) -> None:
    quote = quoted(service)
    dearer(app, clock)
    charged = service.post("/debits", debit_of(1204, quote=quote["id"])).json["entry"]
    assert (charged["amount"], charged["tariff"]) == (-1204, quote["tariff"])
    held = service.post("/holds", debit_of(1204, quote=quote["id"])).json["hold"]
    assert held["amount"] == 1204
    assert service.debit(1204).json["entry"]["amount"] == -2408
    assert quoted(service)["credits"] == 2408


def test_a_quote_is_used_in_half_an_hour_and_a_retry_is_answered_later(
    service: Service, clock: Clock, vault: Database
) -> None:
    members, key = debit_of(1204, quote=quoted(service)["id"]), new_key()
    clock.advance(seconds=1799)
    first = service.post("/debits", members, key=key)
    assert first.status_code == 201
    clock.advance(seconds=1)
    again = service.post("/debits", members, key=key)
    assert (again.status_code, again.data) == (201, first.data)
    before = digest_of(vault)
    answer = service.post("/debits", debit_of(1204, quote=members["quote"]))
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert answer.json["members"][0]["member"] == "quote"
    assert "2026-11-22T14:22:00" in answer.json["detail"]
    assert digest_of(vault) == before


@pytest.mark.parametrize(
    "changed", [{"quantity": 1205}, {"operation": "generate.fast"}, {"account": "beta"}]
)
def test_a_quote_serves_nothing_else(service: Service, changed: dict[str, Any]) -> None:
    members = {**debit_of(1204, quote=quoted(service)["id"]), **changed}
    answer = service.post("/debits", members)
    assert (answer.status_code, answer.json["members"][0]["member"]) == (422, "quote")


def dearer(app: Flask, clock: Clock) -> None:
    """From ten seconds on, everything generated costs double."""
    state: Application = app.extensions["portal"]
    shipped = pricing.shipped_tariff()
    text = shipped.document.replace(f'name = "{shipped.name}"', 'name = "dearer"')
    text = text.replace("2026-01-01T00:00:00Z", "2026-11-22T13:52:10Z")
    text = text.replace("numerator = 1, denominator = 1 }", "numerator = 2, denominator = 1 }")
    tariff = pricing.parse_tariff(text, "dearer")
    state.database.run(
        lambda connection: ledger.publish_tariff(
            connection, tariff, now=clock.now, published_by="tests"
        )
    )
    clock.advance(seconds=20)
    assert pricing.quote(state.tariffs().in_force(clock.now), "generate", 1204).credits == 2408


NAMES = st.text('abcé"\\😀 \u2028', min_size=1, max_size=8).filter(
    lambda name: name == name.strip()
)
REQUIRED = {
    "account": st.from_regex(r"[A-Za-z0-9._:-]{3,64}", fullmatch=True),
    "operation": st.from_regex(r"[a-z][a-z0-9_.-]{0,63}", fullmatch=True),
    "quantity": st.integers(1, pricing.QUANTITY_MAX),
    "reference": st.fixed_dictionaries(
        {"id": NAMES, "type": st.sampled_from(rules.REFERENCE_TYPES)}
    ),
}
MORE = {
    "occurred_at": st.just("2026-11-22T13:52:00Z"),
    "labels": st.dictionaries(st.sampled_from(["a", "b"]), NAMES),
    "metadata": st.dictionaries(NAMES, NAMES | st.none() | st.booleans() | st.integers(0, 9)),
    "quote": st.just("qte_" + "0" * 40),
}


@given(st.fixed_dictionaries(REQUIRED, optional=MORE), st.sampled_from(["debit", "hold"]))
def test_what_a_key_stands_for_is_the_canonical_body(members: dict[str, Any], name: str) -> None:
    try:
        body = HoldBody.read(members)
    except ValidationError:
        reject()
    assert intention(name, members, body) == canonical({"command": name, **members})
