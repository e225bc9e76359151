"""The switches are the rows of the outcome table, each under its name, and the killed worker."""

from portal import pricing
from portal.studio.endings import ENDINGS
from tests.house.tree import ROOT

BESIDES = {"worker_killed"}  # its hold's time limit releases it, as it does where nobody knows


def test_each_row_has_its_switch() -> None:
    assert set(ENDINGS) - BESIDES == {row.name for row in pricing.OUTCOMES}


def test_each_has_a_title_of_its_own() -> None:
    assert len({ending.title for ending in ENDINGS.values()}) == len(ENDINGS)


def test_each_is_in_the_documentation_and_no_other() -> None:
    page = (ROOT / "docs" / "studio.md").read_text()
    table = page.partition("| switch |")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]
    assert rows == [ending.title for ending in ENDINGS.values()]
