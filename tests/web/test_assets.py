"""Styles and scripts: few files, small ones, and those of others byte for byte."""

import gzip
import re
from pathlib import Path

import pytest

from portal.web import assets
from tests.house.tree import ROOT
from tests.house.vendored import FOLDERS
from tests.web.desk import Desk, Visitor

STATIC = ROOT / "static"
CSS_MAX = 4_000
OWN_SCRIPT_MAX = 1_500
REQUESTS_MAX = 5


def addresses(visitor: Visitor, path: str) -> list[str]:
    """What a page makes a browser fetch."""
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', visitor.get(path).text)
    return [str(address) for address in found]


@pytest.mark.parametrize("path", ["/usage", "/ledger", "/plans"])
def test_a_page_is_few_requests(ada: Visitor, path: str) -> None:
    found = addresses(ada, path)
    assert 1 + len(found) <= REQUESTS_MAX
    for address in found:
        assert "?v=" in address
        answer = ada.get(address)
        assert (answer.status_code, bool(answer.data)) == (200, True)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_own_files_are_within_their_budgets() -> None:
    assert len(gzip.compress((STATIC / "portal.css").read_bytes(), 9)) <= CSS_MAX
    assert len(gzip.compress((STATIC / "portal.js").read_bytes(), 9)) <= OWN_SCRIPT_MAX


def test_every_script_is_sent_as_it_lies_there(ada: Visitor) -> None:
    """The vendored files are pinned where they lie; what is sent is them, and a seam between."""
    parts = ada.get("/static/scripts.js").data.split(assets.SEAM)
    files, _ = assets.MADE_OF[assets.SCRIPTS]
    assert parts == [(STATIC / name).read_bytes() for name in files]
    pinned = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("vendor/**/*.js")}
    assert pinned == {name for name in files if name.startswith("vendor/")}
    assert "static/vendor" in FOLDERS


@pytest.mark.parametrize("name", assets.MADE_OF)
def test_who_takes_it_packed_gets_it_packed(ada: Visitor, name: str) -> None:
    plain = ada.get(f"/static/{name}")
    packed = ada.get(f"/static/{name}", Accept_Encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert plain.headers["Content-Type"] == packed.headers["Content-Type"]
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers["Content-Length"] == str(len(answer.data))
    refused = ada.get(f"/static/{name}", Accept_Encoding="gzip;q=0")
    assert "Content-Encoding" not in refused.headers


def test_what_has_not_changed_is_not_sent_again(ada: Visitor) -> None:
    first = ada.get("/static/portal.css")
    assert first.headers["Cache-Control"] == "no-cache"
    again = ada.get("/static/portal.css", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    other = ada.get(
        "/static/portal.css", If_None_Match=first.headers["ETag"], Accept_Encoding="gzip"
    )
    assert other.status_code == 200


def test_other_files_are_sent_as_they_lie_there(ada: Visitor) -> None:
    assert ada.get("/static/favicon.svg").data == (STATIC / "favicon.svg").read_bytes()
    assert ada.get("/static/none.css").status_code == 404
    assert ada.get("/static/../wsgi.py").status_code == 404


def test_an_address_changes_with_the_files_contents(desk: Desk, tmp_path: Path) -> None:
    digests = set()
    for text in ("a", "b"):
        (tmp_path / text).write_text(text)
        digests.add(assets.fingerprint(tmp_path / text))
        (tmp_path / f"{text}-root").mkdir()
        (tmp_path / f"{text}-root" / "portal.css").write_text(text)
        digests.add(assets.read(tmp_path / f"{text}-root", "portal.css").digest)
    assert len(digests) == 2  # equal contents, equal digests
    assert all(re.fullmatch(r"[0-9a-f]{12}", digest) for digest in digests)
    with desk.app.test_request_context():
        for name in (*assets.MADE_OF, "favicon.svg"):
            assert re.fullmatch(rf"/static/{re.escape(name)}\?v=\w{{12}}", assets.address(name))
