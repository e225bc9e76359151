"""Who is in the demo: three customers, whom they send, and the admins who look after them."""

from typing import Final, NamedTuple


class Customer(NamedTuple):
    """An account and the person who signs in for it."""

    account: str
    name: str
    tier: str
    time_zone: str
    email: str


NORTHWIND: Final = Customer(
    "northwind", "Northwind Audiobooks", "scale", "Europe/London", "nora@northwind.example"
)
WANDERLUST: Final = Customer(
    "wanderlust", "Wanderlust Podcast", "starter", "America/New_York", "theo@wanderlust.example"
)
MIRA: Final = Customer("mira", "Mira Lindqvist", "free", "Europe/Stockholm", "mira@mail.example")
CUSTOMERS: Final = (NORTHWIND, WANDERLUST, MIRA)
ADMIN: Final = "admin@portal.example"
SECOND_ADMIN: Final = "otto@portal.example"
SERVICE: Final = "studio"
