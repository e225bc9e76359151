"""Which paths are on this site."""

import pytest

from portal.web.paths import local_path, path_of


@pytest.mark.parametrize("path", ["/", "/usage", "/ledger?type=debit&from=2026-11-01", "/a//b"])
def test_a_path_of_ours_is_itself(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "usage", "//evil", "///evil", "/\\evil", "\\/evil", "/\t/evil", "/a b", "/\n", "/\x7f",
        "https://evil", "javascript:alert(1)", "/" + "a" * 2000, "/a\\b",
    ],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_nothing(path: str) -> None:
    assert local_path(path) is None


def test_a_long_hostile_path_is_judged_quickly() -> None:
    assert local_path("/" + "/\\" * 50_000) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://host/usage?period=7d#x", "/usage?period=7d"),
        ("/ledger", "/ledger"),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_path_and_query_of_a_url(url: str, path: str) -> None:
    assert path_of(url) == path
