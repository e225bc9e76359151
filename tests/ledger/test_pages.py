"""A range of accounts recomputed, wherever it begins and ends."""

from portal.ledger.findings import Findings
from portal.ledger.pages import check_accounts, own
from portal.ledger.parts import Part
from portal.ledger.prices import Prices
from tests.ledger.conftest import Lived
from tests.ledger.histories import TARIFFS


def test_the_accounts_of_all_ranges_are_those_there_are(lived: Lived) -> None:
    known = {tariff.name: tariff for tariff in TARIFFS}
    whole, parts = Findings(), Findings()
    ranges = [(None, ("ada",)), (("ada",), ("b",)), (("b",), None)]
    with lived.database.reading() as connection:
        check_accounts(
            connection, whole, Prices(known, whole), part=Part("accounts"), progress=print
        )
        for after, upto in ranges:
            part = Part("accounts", after, upto)
            check_accounts(connection, parts, Prices(known, parts), part=part, progress=print)
    assert whole == parts
    assert (whole.found, whole.counts["accounts"]) == (0, 3)


def test_rows_of_another_entry_are_nobodys() -> None:
    assert own([], 1, "draw", Findings()) == []
