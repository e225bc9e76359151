"""The studio's settings: all faults at once, and nothing that is not one."""

import re

import pytest

from portal.studio.settings import ABSENT, PREFIX, ROOT, Settings, StudioError


def test_what_is_absent_has_a_value_but_for_the_accounts() -> None:
    found = Settings.from_environment({"STUDIO_ACCOUNTS": "acme, bolt", "HOME": "/root"})
    assert found == Settings(("acme", "bolt"), ROOT / "var" / "studio", 60, 0.5)


def test_each_may_be_named() -> None:
    named = {"ACCOUNTS": "acme", "FOLDER": "/srv/s", "HOLD_SECONDS": "5", "STEP_MS": "20"}
    found = Settings.from_environment({f"STUDIO_{key}": value for key, value in named.items()})
    assert (str(found.folder), found.hold_seconds, found.step) == ("/srv/s", 5, 0.02)


def test_every_fault_is_told() -> None:
    wrong = {"STUDIO_HOLD_SECONDS": "0", "STUDIO_STEP_MS": "1.5", "STUDIO_STEPS": "1"}
    with pytest.raises(StudioError) as told:
        Settings.from_environment(wrong)
    names = ("STUDIO_ACCOUNTS", "STUDIO_HOLD_SECONDS", "STUDIO_STEP_MS", "STUDIO_STEPS")
    assert all(name in str(told.value) for name in names)


def test_each_is_documented_with_its_value_when_absent() -> None:
    page = (ROOT / "docs" / "studio.md").read_text()
    rows = dict(re.findall(r"^\| `(STUDIO_\w+)` \| (?:`(.*?)`|–) \|", page, re.MULTILINE))
    assert rows == {PREFIX + name: value for name, value in ABSENT.items()}
