"""The documentation against the code: every command, route and error code appears, and no other."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask

from portal import create_app, ledger, pricing
from portal.cli.demo.sheet import Sheet, SigningKey, write_sheet
from portal.config import Config
from portal.internal import problems
from portal.studio import pages
from tests.house.tree import ROOT
from tests.serving import environment_of, serving

PAGES = {path: path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
ALL = "\n".join(PAGES.values())
FLASKS_OWN = {"run", "shell", "routes"}
COMMAND = re.compile(r"flask --app wsgi ([a-z][a-z -]*[a-z])")
LINK = re.compile(r"\]\(([^)#:]+)(?:#([^)]+))?\)")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    root = tmp_path_factory.mktemp("root")
    return create_app(Config.from_environment({}, root=root))


def leaves(group: click.Group, *above: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, *above, name)
        elif (*above, name)[0] not in FLASKS_OWN:
            yield " ".join((*above, name))


def test_every_command_is_documented(app: Flask) -> None:
    commands = set(leaves(app.cli))
    assert len(commands) > 8
    named = set(COMMAND.findall(ALL))
    missing = {c for c in commands if not any(n == c or n.startswith(f"{c} ") for n in named)}
    assert missing == set()


def test_every_limit_that_an_account_may_have_is_documented() -> None:
    page = PAGES[ROOT / "docs" / "commands.md"]
    rows = re.findall(r"^\| `(\w+_per_\w+)` \|", page, re.MULTILINE)
    assert rows == [*pricing.CREDIT_CAPS, *pricing.STOP_LOSSES]


def test_every_documented_command_exists(app: Flask) -> None:
    commands = set(leaves(app.cli)) | FLASKS_OWN
    groups = {command.rpartition(" ")[0] for command in commands}
    for named in COMMAND.findall(ALL):
        words = named.split()
        known = [" ".join(words[:count]) for count in range(1, len(words) + 1)]
        assert any(name in commands for name in known) or named in groups, named


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and path of every route, parameters written as `<name>` whatever their name is."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            path = re.sub(r"<[^>]+>", "<…>", rule.rule)
            yield from ((m, path) for m in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def test_every_route_is_documented(app: Flask) -> None:
    text = re.sub(r"<[a-z_ ]+>", "<…>", ALL)
    found = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`?]*)", text))
    studio = Flask("studio", static_folder=None)
    studio.register_blueprint(pages.blueprint)
    known = {*routes(app), *routes(studio)}
    assert known - found == set(), "routes that no document names"
    assert found - known == set(), "documented routes that do not exist"


def test_every_error_code_is_documented_with_its_status() -> None:
    text = PAGES[ROOT / "docs" / "errors.md"]
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (yes|no) \|", text, re.MULTILINE)
    told = {(code, int(status), retryable == "yes") for code, status, retryable in rows}
    known = [(ledger.code_of(error), row) for error, row in problems.TABLE.items()]
    known += [*problems.HTTP.values(), problems.UNEXPECTED]
    assert told == {(code, row.status, row.retryable) for code, row in known}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_door_s_examples_do_what_they_say(
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every block of code on the page, in order: the command, then Python; charged and refused."""
    page = PAGES[ROOT / "docs" / "service-door.md"]
    [command] = re.findall(r"^    \.venv/bin/flask --app wsgi (.+)$", page, re.MULTILINE)
    signing, demo, debit = re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)
    assert page.count("```") == 6, "a block of code that is not run here"
    with serving(config, tmp_path) as portal:
        flask(portal.config, "db", "upgrade")
        flask(portal.config, "account", "put", "acme", "--name", "Acme Ltd", "--tier", "pro")
        key = json.loads(flask(portal.config, *shlex.split(command), "--json"))
        signs = SigningKey(key["kid"], key["secret"], portal.authority)
        write_sheet(tmp_path / "var", Sheet(portal.url, (), signs, ("acme",)))
        monkeypatch.chdir(tmp_path)
        names: dict[str, Any] = {}
        for block in (signing, demo, debit):
            exec(block, names)  # noqa: S102 - it is our own page
        assert capsys.readouterr().out == "-1204 credits; 98796 are left\n"
        assert names["charge"](1204, job="generation-0001") is True
        assert capsys.readouterr().out == "-1204 credits; 98796 are left\n"
        assert names["charge"](99_000, job="generation-0002") is False
        assert capsys.readouterr().out.startswith("403 limit_reached - ")
        for number in (3, 4):
            assert names["charge"](50_000 - number, job=f"generation-000{number}") is (number == 3)
        assert "402 insufficient_credits - This needs 49996" in capsys.readouterr().out


def flask(config: Config, *words: str) -> str:
    """What a command prints, run as an operator runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words],
        cwd=ROOT,
        env=clean | environment_of(config),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", PAGES, ids=lambda path: Path(path).name)
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    for target, heading in LINK.findall(PAGES[path]):
        there = (path.parent / target).resolve()
        assert there.exists(), f"{path.name} links to {target}"
        if heading:
            assert heading in headings(there.read_text()), f"{path.name}: {target}#{heading}"


def headings(text: str) -> set[str]:
    """The anchors of a page, made as code hosts make them."""
    lines = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_\w+)`")
REPORTED = {
    "check-then-deduct races", "leaked holds after a panic", "rejected hold captured", "void twice",
    "refund twice", "refund-everything on disconnect", "double monthly grant",
    "stale balance after write",
}  # fmt: skip


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(ALL)
    assert len(named) > 10
    absent = [
        (path, test)
        for path, test in named
        if not re.search(rf"^def {test}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert absent == []


def test_every_fault_that_was_reported_of_others_is_tried() -> None:
    page = PAGES[ROOT / "docs" / "audit.md"]
    rows = dict(re.findall(r"^\| ([a-z -]+) \| (`tests/.+) \|$", page, re.MULTILINE))
    assert rows.keys() == REPORTED
    assert all("`tests/internal/test_reported.py::" in tried for tried in rows.values())


def test_every_page_is_reached_from_the_index() -> None:
    index = PAGES[ROOT / "docs" / "README.md"]
    linked = {target for target, _ in LINK.findall(index)}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked


def test_the_readme_shows_both_commands() -> None:
    readme = PAGES[ROOT / "README.md"]
    assert "make run" in readme
    assert "make test" in readme


def test_make_offers_what_the_documents_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", ALL)) | set(
        re.findall(r"^ +make ([a-z]+)", ALL, re.M)
    )
    assert named <= targets
    assert targets <= named
