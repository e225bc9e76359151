"""The commands of the Makefile, as a newcomer meets them on a machine that lacks something."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT

OLD_PYTHON = "#!/bin/sh\nexit 1\n"
# A Python like Debian's without python3-venv: new enough, but ensurepip cannot be imported.
BARE_PYTHON = """#!/bin/sh
case "$*" in
    *ensurepip*) echo 'Traceback (most recent call last):' >&2; exit 1 ;;
    *'-m venv'*) echo 'The virtual environment was not created' >&2; exit 1 ;;
esac
exit 0
"""
NOBODY = "#!/bin/sh\necho 1000\n"
# Stands for the environment's Python where `python -m tests.…` finds nothing.
FINDS_NOTHING = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the make side reads, without an environment."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, place)
    shutil.copytree(ROOT / ".make", place / ".make")
    return place


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def run(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    ours = ("VENV", "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if name not in ours} | more
    return subprocess.run(words, cwd=checkout, env=env, capture_output=True, text=True, check=False)


def test_a_missing_venv_module_is_told_in_a_sentence(checkout: Path, tmp_path: Path) -> None:
    python = script(tmp_path / "bin" / "bare", BARE_PYTHON)
    done = run(checkout, ".make/environment", "run", PYTHON=str(python))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_old_python_is_told_in_a_sentence(checkout: Path, tmp_path: Path) -> None:
    python = script(tmp_path / "bin" / "old", OLD_PYTHON)
    done = run(checkout, "make", "run", PYTHON=str(python))
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_who_may_not_install_is_told_the_one_command(checkout: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "id", NOBODY)
    script(tmp_path / "venv" / "bin" / "python", FINDS_NOTHING)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = run(checkout, ".make/system", PATH=path, VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1].strip()
    assert told == "apt-get install --no-install-recommends chromium postgresql"


def test_a_made_environment_is_found_at_once(checkout: Path, tmp_path: Path) -> None:
    """The stamp names lock, place and kind: with it nothing is installed, without it it is."""
    calls = tmp_path / "calls"
    script(checkout / ".venv" / "bin" / "python", f'#!/bin/sh\necho "$*" >> {calls}\n')
    (checkout / ".venv" / ".made-at").write_text(f"{checkout}/.venv\n")
    assert run(checkout, ".make/environment", "dev").returncode == 0
    assert "--require-hashes --requirement requirements-dev.lock" in calls.read_text()
    for kind in ("dev", "run"):  # the larger lock holds the smaller one
        calls.write_text("")
        done = run(checkout, ".make/environment", kind)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert "pip" not in calls.read_text()
    with (checkout / "requirements-dev.lock").open("a") as lock:
        lock.write("# changed\n")
    run(checkout, ".make/environment", "dev")
    assert "pip" in calls.read_text()


def test_the_locks_pin_and_hash_everything_and_name_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        pinned = [line for line in text.splitlines() if line and line[0].isalpha()]
        assert len(pinned) > 20
        assert all("==" in line and line.endswith("\\") for line in pinned)
        assert text.count("    --hash=sha256:") >= len(pinned)
        assert "://" not in text
        assert "--index" not in text


def test_one_environment_serves_both_locks() -> None:
    small, large = (
        {line for line in (ROOT / name).read_text().splitlines() if "==" in line}
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert small <= large


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """A dependency that was added to pyproject.toml without `make lock` is told."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    run_time = [*project["dependencies"], *extras["postgresql"]]
    for name, asked in {
        "requirements.lock": run_time,
        "requirements-dev.lock": [*run_time, *extras["dev"]],
    }.items():
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        assert {re.split(r"[^a-z0-9-]", line)[0] for line in asked} <= pinned


def test_ci_is_lint_and_test_and_may_be_run() -> None:
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    assert path.read_text().splitlines()[-2:] == ["make lint", "make test"]
