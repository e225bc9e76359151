"""Everybody of the demo is somebody whom the portal can take."""

from zoneinfo import ZoneInfo

import pytest

from portal import identity, pricing
from portal.cli.demo.cast import ADMIN, CUSTOMERS, SECOND_ADMIN, SERVICE, Customer
from portal.internal.bodies import AccountBody
from portal.internal.rules import account_id


@pytest.mark.parametrize("customer", CUSTOMERS, ids=lambda customer: customer.account)
def test_a_customer_is_one_the_door_would_open_an_account_for(customer: Customer) -> None:
    faults: list[object] = []
    assert account_id(customer.account, "account", faults) == customer.account  # type: ignore[arg-type]
    assert faults == []
    members = {"name": customer.name, "tier": customer.tier, "time_zone": customer.time_zone}
    assert AccountBody.read(members).name == customer.name
    assert pricing.shipped_tariff().get_tier(customer.tier).allocation > 0
    assert ZoneInfo(customer.time_zone).key == customer.time_zone


def test_nobody_is_there_twice_and_no_address_is_real() -> None:
    emails = [*(customer.email for customer in CUSTOMERS), ADMIN, SECOND_ADMIN]
    assert len({*emails}) == 5
    assert all(identity.normal_email(email) == email for email in emails)
    assert all(email.endswith(".example") for email in emails)
    assert SERVICE.isidentifier()
