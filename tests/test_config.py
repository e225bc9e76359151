"""portal/config.py: what is read, what is refused, and that the documentation says the same."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from portal.config import KEYS, ROOT, Config, ConfigError
from tests.serving import environment_of

SECRET = "Zk3vX9qLr7TbNw2sYd8uHf5mJc4gPa6e"


def read(root: Path, **given: str) -> Config:
    values = {"SECRET_KEY": SECRET} | given
    return Config.from_environment({f"PORTAL_{k}": v for k, v in values.items() if v}, root=root)


def faults(root: Path, **given: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        read(root, **given)
    return refused.value.faults


def test_defaults_keep_the_ledger_in_a_file_under_the_root(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.sqlite_file == tmp_path / "var" / "portal.db"
    assert config.database_owner_url == config.database_url
    assert (config.database_pool, config.group_commit, config.proxy_hops) == (8, True, 0)
    assert (config.session_idle_minutes, config.session_hours) == (30, 12)
    assert (config.authority, config.trusted_hosts) == ("127.0.0.1:8000", ("127.0.0.1",))
    assert not config.is_secure


def test_nothing_but_portal_names_is_read(tmp_path: Path) -> None:
    given = {"PORTAL_SECRET_KEY": SECRET, "DATABASE_URL": "nonsense", "PATH": "/bin"}
    assert Config.from_environment(given, tmp_path) == read(tmp_path)


def test_an_empty_value_counts_as_absent(tmp_path: Path) -> None:
    given = {"PORTAL_SECRET_KEY": SECRET, "PORTAL_AUTHORITY": "", "PORTAL_PROXY_HOPS": " "}
    assert Config.from_environment(given, tmp_path) == read(tmp_path)


def test_it_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        read(tmp_path).proxy_hops = 3  # type: ignore[misc]


def test_a_misspelt_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, DATABSE_URL="sqlite:///x.db")
    assert fault == "PORTAL_DATABSE_URL is not a setting; did you mean PORTAL_DATABASE_URL?"
    assert faults(tmp_path, ZZZ="1") == ("PORTAL_ZZZ is not a setting",)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    given = {"GROUP_COMMIT": "yes", "PROXY_HOPS": "11", "SECRET_KEY": "short", "NOPE": "1"}
    told = faults(tmp_path, **given)
    assert [fault.split()[0] for fault in told] == [
        "PORTAL_NOPE", "PORTAL_GROUP_COMMIT", "PORTAL_SECRET_KEY", "PORTAL_PROXY_HOPS",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://h/db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:///x.db?mode=ro"),
        ("DATABASE_URL", "portal.db"),
        ("DATABASE_URL", "postgres://h/portal"),
        ("DATABASE_URL", "postgresql://h"),
        ("DATABASE_URL", "postgresql://h/"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:99999/portal"),
        ("DATABASE_URL", "postgresql+asyncpg://h/portal"),
        ("DATABASE_OWNER_URL", "postgresql://h/portal"),
        ("DATABASE_OWNER_URL", "sqlite:///x.db"),
        ("DATABASE_POOL", "0"),
        ("DATABASE_POOL", "101"),
        ("DATABASE_POOL", "8.0"),
        ("DATABASE_POOL", "８"),
        ("GROUP_COMMIT", "true"),
        ("SECRET_KEY", "x" * 31),
        ("SECRET_KEY", "abcabcabc" * 10),
        ("SECRET_KEY", "please-changeme-0123456789-abcdefgh"),
        ("SECRET_KEY_FILE", "/nowhere/at/all"),
        ("PUBLIC_URL", "credits.example"),
        ("PUBLIC_URL", "ftp://credits.example"),
        ("PUBLIC_URL", "https://credits.example/portal"),
        ("PUBLIC_URL", "https://user@credits.example"),
        ("PUBLIC_URL", "https://credits.example:0"),
        ("PUBLIC_URL", "https://credits.example:x"),
        ("PUBLIC_URL", "https://cre_dits.example"),
        ("PUBLIC_URL", "https://"),
        ("AUTHORITY", "https://credits.example"),
        ("AUTHORITY", "credits.example/x"),
        ("AUTHORITY", "u@credits.example"),
        ("AUTHORITY", "credits.example:99999"),
        ("TRUSTED_HOSTS", "*.example"),
        ("TRUSTED_HOSTS", "a.example,,b.example"),
        ("TRUSTED_HOSTS", "a.example:8000"),
        ("PROXY_HOPS", "-1"),
        ("SESSION_IDLE_MINUTES", "0"),
        ("SESSION_HOURS", "721"),
        ("LOG_REQUESTS", "everything"),
        ("RATE_KEY", "0/60"),
        ("RATE_KEY", "600"),
        ("RATE_ACCOUNT", "600/0"),
        ("RATE_ACCOUNT", "600/3601"),
        ("RATE_ADDRESS", "1000000/60"),
        ("RATE_ADDRESS", "６/6"),
    ],
)
def test_a_value_against_its_rule_is_refused(tmp_path: Path, name: str, value: str) -> None:
    told = faults(
        tmp_path, **({"SECRET_KEY": ""} if name == "SECRET_KEY_FILE" else {}) | {name: value}
    )
    assert len(told) == 1
    assert told[0].startswith(f"PORTAL_{name} ")
    assert "hunter2" not in told[0]


def test_a_rate_is_requests_and_seconds(tmp_path: Path) -> None:
    config = read(tmp_path, RATE_KEY="600/60", RATE_ADDRESS="999999/3600")
    assert (config.rate_key, config.rate_account) == ((600, 60), None)
    assert config.rate_address == (999_999, 3_600)
    assert config.shared_folder == tmp_path / "var" / "shared"


def test_a_postgresql_url_names_its_driver(tmp_path: Path) -> None:
    for url in ("postgresql://u:p@h:5433/portal", "postgresql+psycopg://u:p@h:5433/portal"):
        config = read(tmp_path, DATABASE_URL=url)
        assert config.database_url == "postgresql+psycopg://u:p@h:5433/portal"
        assert config.sqlite_file is None
    owner = "postgresql://owner@h/portal"
    config = read(tmp_path, DATABASE_URL="postgresql://u@h/portal", DATABASE_OWNER_URL=owner)
    assert config.database_owner_url == "postgresql+psycopg://owner@h/portal"


def test_an_absolute_file_stays_where_it_is(tmp_path: Path) -> None:
    assert read(Path("/x"), DATABASE_URL=f"sqlite:///{tmp_path}/a.db").sqlite_file == (
        tmp_path / "a.db"
    )


def test_hosts_follow_the_public_url(tmp_path: Path) -> None:
    config = read(tmp_path, PUBLIC_URL="https://Credits.Example:443/")
    assert config.public_url == "https://credits.example"
    assert (config.authority, config.trusted_hosts) == ("credits.example", ("credits.example",))
    assert config.is_secure
    config = read(tmp_path, PUBLIC_URL="https://a.example:8443", AUTHORITY="inner:81")
    assert (config.authority, config.trusted_hosts) == ("inner:81", ("a.example",))
    assert read(tmp_path, TRUSTED_HOSTS="a.example, B.example").trusted_hosts == (
        "a.example",
        "b.example",
    )


def test_secrets_and_passwords_stay_out_of_the_repr(tmp_path: Path) -> None:
    shown = repr(read(tmp_path, DATABASE_URL="postgresql://u:hunter2@h/portal"))
    assert "hunter2" not in shown
    assert SECRET not in shown


def test_a_secret_of_one_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    assert read(tmp_path, SECRET_KEY="", SECRET_KEY_FILE="secret").secret_key == SECRET.encode()
    assert "exclude each other" in faults(tmp_path, SECRET_KEY_FILE="secret")[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(mode)
    (fault,) = faults(tmp_path, SECRET_KEY="", SECRET_KEY_FILE=str(path))
    assert "chmod 600" in fault
    assert SECRET not in fault


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    assert len(faults(tmp_path, SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path))) == 1


def test_a_portal_without_a_secret_makes_one_and_keeps_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:  # as workers do that start together
        configs = list(threads.map(lambda _: read(tmp_path, SECRET_KEY=""), range(16)))
    assert len({config.secret_key for config in configs}) == 1
    assert len(configs[0].secret_key) >= 32
    path = tmp_path / "var" / "secret-key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["secret-key"]


def test_refused_settings_leave_no_secret_behind(tmp_path: Path) -> None:
    faults(tmp_path, SECRET_KEY="", PROXY_HOPS="x")
    assert list(tmp_path.iterdir()) == []


def test_settings_read_back_as_they_were(tmp_path: Path) -> None:
    config = read(tmp_path, PUBLIC_URL="https://a.example", GROUP_COMMIT="off", SESSION_HOURS="9")
    assert Config.from_environment(environment_of(config), root=tmp_path) == config


def test_each_setting_is_a_field_and_each_field_a_setting() -> None:
    names = {f"PORTAL_{field.name.upper()}" for field in fields(Config)} - {"PORTAL_ROOT"}
    assert set(KEYS) - names == {"PORTAL_SECRET_KEY_FILE"}
    assert names <= set(KEYS)


def test_the_documentation_names_each_setting_and_its_default() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `(PORTAL_\w+)` \| (.+?) \|", text, re.MULTILINE))
    assert list(rows) == list(KEYS)
    for name, setting in KEYS.items():
        if setting.absent:
            assert rows[name] == f"`{setting.absent}`"
