"""portal/operations/metrics.py: told to the one who knows the token, of all workers together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from portal import create_app, ledger
from portal.config import Config
from portal.database import Database
from portal.operations.metrics import Routes
from tests.cli.operating import run
from tests.databases import config_for
from tests.served import Caller, served

TOKEN = "t0ken-of-the-scraper-0123456789-abcdef"
LOOKED_AT = ("/internal/v1/debits", "unmatched")
Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(caller: Caller) -> Samples:
    answer = caller.ask("/metrics", Host="10.0.0.7", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    return samples(answer.body.decode())


def counts(found: Samples, name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for (each, labels), value in found.items() if each == name}


@pytest.fixture
def counting(config: Config, tmp_path: Path) -> Iterator[Caller]:
    with served(config, tmp_path, workers=3, metrics_token=TOKEN.encode()) as caller:
        yield caller


def test_all_workers_are_told_as_one(counting: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: counting.debit().status, range(60)))
    assert answers == [201] * 60
    for _ in range(5):
        assert counting.debit("nobody").status == 404
    counting.ask("/nowhere")
    counting.ask("/nowhere/else")
    give_up = time.monotonic() + 30
    debited = ("POST", "/internal/v1/debits", "201")
    while True:  # the other workers tell their counts once a second
        found = scraped(counting)
        asked = counts(found, "portal_requests_total")
        if sum(value for labels, value in asked.items() if labels[1] in LOOKED_AT) == 67:
            break
        assert time.monotonic() < give_up, asked
        time.sleep(0.1)
    assert asked[debited] == 60
    assert asked["POST", "/internal/v1/debits", "404"] == 5
    assert asked["GET", "unmatched", "404"] == 2
    assert counts(found, "portal_refusals_total") == {("account_not_found",): 5}
    assert found["portal_request_seconds_count", ("/internal/v1/debits",)] == 65
    assert found["portal_group_commit_size_sum", ()] == 65
    assert 1 <= found["portal_group_commit_size_count", ()] <= 65
    assert found["portal_database_up", ()] == 1
    assert found["portal_open_holds", ("0",)] == 0
    assert found["portal_entries_total", ("debit",)] == 0, "half a minute behind"


def test_an_audit_is_told_after_it_ran(counting: Caller) -> None:
    assert counts(scraped(counting), "portal_audit_clean") == {}
    done = run(counting.portal.config, "audit", "--json")
    assert done.exit_code == 0, done.output
    found = scraped(counting)
    assert found["portal_audit_clean", ()] == 1
    assert found["portal_audit_entries", ()] == json.loads(done.stdout)["counts"]["entries"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_nobody_else_finds_them(config: Config, tmp_path: Path) -> None:
    with_token = replace(config, metrics_token=TOKEN.encode(), shared_folder=tmp_path / "x")
    for settings in (config, with_token):
        client = create_app(settings).test_client()
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
            answer = client.get("/metrics", headers={"Host": "127.0.0.1", **given})
            assert answer.status_code == 404
            assert "portal_" not in answer.text
    assert create_app(config).test_client().get(
        "/metrics", headers={"Host": "127.0.0.1", "Authorization": f"Bearer {TOKEN}"}
    ).status_code == 404  # fmt: skip


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_without_a_token_nothing_is_counted(config: Config, tmp_path: Path) -> None:
    app = create_app(replace(config, shared_folder=tmp_path / "x"))
    app.test_client().get("/healthz")
    assert not (tmp_path / "x").exists()
    assert "tallies" not in app.extensions


def test_counts_are_told_while_the_database_is_away(tmp_path: Path) -> None:
    config = config_for("sqlite:///nowhere/portal.db", tmp_path, PORTAL_METRICS_TOKEN=TOKEN)
    client = create_app(config).test_client()
    client.get("/healthz")
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = samples(answer.text)
    assert found["portal_database_up", ()] == 0
    assert found["portal_requests_total", ("GET", "/healthz", "200")] == 1


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    return Routes(create_app(config_for("sqlite:///portal.db", tmp_path)))


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/internal/v1/debits", "/internal/v1/debits"),
        ("GET", "/internal/v1/accounts/acme", "/internal/v1/accounts/<account_id>"),
        ("GET", "/static/portal.css", "/static/<path:filename>"),
        ("GET", "/internal/v1/debits", "unmatched"),
        ("GET", "/no where\r\n", "unmatched"),
        ("BREW", "/healthz", "unmatched"),
        ("GET", "", "unmatched"),
    ],
)
def test_a_path_is_told_as_its_route(routes: Routes, method: str, path: str, route: str) -> None:
    assert routes(method, path) == route
    assert routes(method, path) == route


def test_paths_do_not_fill_the_memory(routes: Routes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.operations.metrics.PATHS_MAX", 10)
    assert {routes("GET", f"/{number}") for number in range(100)} == {"unmatched"}
    assert len(routes._known) <= 10


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_groups_are_noted_as_they_are_posted(config: Config, tmp_path: Path) -> None:
    settings = replace(config, metrics_token=TOKEN.encode(), shared_folder=tmp_path / "x")
    app: Flask = create_app(settings)
    state = app.extensions["portal"]
    state.database.run = _away  # what was not posted is not noted
    with pytest.raises(ledger.StorageUnavailableError):
        state.submit(ledger.Advance(account_id="acme"))
    del state.database.run
    assert isinstance(state.submit(ledger.Advance(account_id="acme")), ledger.Refused)
    assert app.extensions["tallies"].all()["groups_sum"] == 1
    asked = [ledger.Advance(account_id="acme"), ledger.Advance(account_id="zenith")]
    assert len(state.submit_all(asked)) == 2
    with pytest.raises(ledger.UndoneError):  # what was not done is not noted either
        state.submit_all(asked, atomic=True)
    assert app.extensions["tallies"].all()["groups_sum"] == 3
    assert isinstance(state.database, Database)
    state.database.dispose()


def _away(_: object) -> None:
    from portal.database import DatabaseError

    raise DatabaseError("away")
