"""The address without a path leads to what a person can see."""

from tests.web.desk import Visitor


def test_a_customer_is_led_to_their_usage(ada: Visitor) -> None:
    answer = ada.get("/")
    assert (answer.status_code, answer.location) == (303, "/usage")


def test_an_admin_without_an_account_is_led_to_the_admins_page(olga: Visitor) -> None:
    assert olga.get("/").location == "/admin"
