"""Security (S1, S3 to S9, S19, S21): what is bound where, what becomes SQL, what a reader can do, what calls home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml
from deliveries import Home, csv, open_home, row

from orchestration import project
from orchestration.errors import CxwError
from orchestration.instance import dagster_environment, write_configuration
from orchestration.settings import Settings, load_settings
from orchestration.ui import serve

pytestmark = pytest.mark.faults_reduced
ROOT = Path(__file__).parent.parent.parent
MODULES = sorted((ROOT / "orchestration").rglob("*.py"))
# Modules that may compose SQL, from quoted names of our own contracts and models. A new one is a decision, here.
COMPOSE_SQL = {"casting", "streaming", "extracts", "export", "restatements", "vanishing", "warehouse"}
# From names of our own tables and columns.
COMPOSE_SQL |= {"identity_growth", "identity_incremental", "identity_inputs", "identity_state", "matching*"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with (opened := open_home(tmp_path)).ledger:
        yield opened


@pytest.mark.fault(
    "S1", done="`cxw ui --host {host}` without the setting", seen="refused with E-UI-003 before anything starts"
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_the_page_opens_on_loopback_only(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.ui._Family", lambda *_: pytest.fail("started"))
    with pytest.raises(CxwError, match="E-UI-003"):
        serve(load_settings(tmp_path, {}), 3000, lambda text: None, host)


@pytest.mark.fault("S1", done="loopback; another address with has_login_proxy", seen="allowed")
@pytest.mark.parametrize(("host", "setting"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_the_setting_opens_it(tmp_path: Path, host: str, setting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Family:
        def __init__(self, *_: object) -> None: ...
        def run(self) -> int:
            return 0

    monkeypatch.setattr("orchestration.ui._Family", Family)
    monkeypatch.setattr("orchestration.ui._is_free", lambda port, host: True)
    settings = replace(load_settings(tmp_path, {}), has_login_proxy=setting)
    assert serve(settings, 3000, lambda text: None, host) == 0


@pytest.mark.fault("S3", done="every module and the Makefile read", seen="nothing starts `dagster dev`")
def test_the_development_server_is_never_started() -> None:
    for path in [*MODULES, ROOT / "Makefile"]:
        assert not re.search(r'"dev"|dagster dev', path.read_text(encoding="utf-8")), path.name


@pytest.mark.fault(
    "S4", "S8", done="{text!r} as a date of the run config", seen="E-RUN-002 before SQL, path or dbt see it"
)
@pytest.mark.parametrize("text", ["2026-01-01'; drop table x", "../../etc", "{{ env_var('HOME') }}", "2026-1-1", "*"])
def test_run_config_takes_dates_only(text: str) -> None:
    from orchestration.writer import _date

    with pytest.raises(CxwError, match="E-RUN-002"):
        _date(text)
    assert _date("2026-01-01") == date(2026, 1, 1)


@pytest.mark.fault(
    "S8", done="every dbt invocation of the house read", seen="no --vars: a window or name never is Jinja text"
)
def test_dbt_gets_no_variables() -> None:
    for path in MODULES:
        assert "--vars" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.fault("S6", done="{setting} = {value}", seen="E-LND-005 or the format's own code; nothing read")
@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("max_compressed_bytes", 100, "E-LND-005"), ("max_expanded_bytes", 100, "E-LND-005"), ("max_rows", 3, "E-LND-005"),
     ("max_columns", 3, "E-LND-005"), ("max_line_bytes", 100, "E-CSV-003"), ("max_file_seconds", 0, "E-LND-005")],
)  # fmt: skip
def test_budgets(home: Home, setting: str, value: int, code: str) -> None:
    home.settings = replace(home.settings, **{setting: value})
    done = home.deliver(csv(*(row(number, customer_id="c" * 60) for number in range(50))))
    assert (done.state, done.reason_code) == ("refused", code)
    assert home.rows() == []


@pytest.mark.fault(
    "S6", "F47", done="JSON rows that name 1,000 new keys", seen="E-LND-005: max_columns holds for keys too"
)
def test_a_budget_of_keys(home: Home) -> None:
    keys = ", ".join(f'"k{number}": 1' for number in range(1000))
    line = f'{{"order_id": "1", "ordered_at": "2024-01-15T00:00:00Z", {keys}}}\n'
    assert home.deliver(line, "orders_2024-01-15.jsonl").reason_code == "E-LND-005"


@pytest.mark.fault("S7", done="a header, a value and a home that would be SQL", seen="data, never SQL")
def test_nothing_delivered_becomes_sql(tmp_path: Path) -> None:
    evil = "'); drop table x; --"
    with (home := open_home(tmp_path / "it's a home; drop")).ledger:
        done = home.deliver(csv(row(1, customer_id=f'"{evil}"') + ",1", header=f'{csv().decode().strip()},"{evil}"'))
        assert done.rows_accepted == 1
        assert home.values("customer_id") == [evil]
        assert evil not in " ".join(done.warnings), "a header that is no name is not repeated"


@pytest.mark.fault(
    "S7", done="the lint asked for f-string SQL", seen="an error everywhere but in reviewed modules and lines"
)
def test_sql_is_composed_in_reviewed_modules_only() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "S608" in rules["select"]
    waived = {
        Path(name).stem for name, codes in rules["per-file-ignores"].items() if "S608" in codes and "test" not in name
    }
    for path in MODULES:
        if re.search(r"noqa:.*S608", path.read_text(encoding="utf-8")):
            waived.add(path.stem)
    assert waived <= COMPOSE_SQL | {"streaming"}, waived - COMPOSE_SQL
    probe = 'def f(connection, name):\n    return connection.execute(f"select * from {name}")\n'
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--select",
        "S608",
        "--stdin-filename",
        "orchestration/new.py",
        "-",
    ]
    done = subprocess.run(command, input=probe, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1 and "S608" in done.stdout, "the lint can fail"


@pytest.mark.fault(
    "S9", "M23", done="files, writes, settings, extensions through the reader's connection", seen="all refused"
)
@pytest.mark.parametrize(
    "forbidden",
    ["select * from read_text('/etc/hostname')", "copy (select 1) to '/tmp/x.csv'", "attach '/tmp/x.db'",
     "set memory_limit = '8GB'", "set lock_configuration = false", "install httpfs", "create table main.x (a int)"],
)  # fmt: skip
def test_a_reader_can_only_look(tmp_path: Path, forbidden: str) -> None:
    import duckdb

    from orchestration.query import ask

    settings = load_settings(tmp_path, {})
    (folder := settings.published / "000001-abc").mkdir(parents=True)
    duckdb.connect(str(folder / "cxw.duckdb")).close()
    (settings.published / "current").symlink_to(folder.name)
    with pytest.raises(CxwError, match="E-QRY-001"):
        ask(settings, forbidden)


@pytest.mark.fault(
    "S9", done="the snippet of docs/readers.md, run as it stands", seen="opens the file, refuses what S9 refuses"
)
def test_the_documented_connection_is_the_hardened_one(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "cxw.duckdb"
    duckdb.connect(str(path)).close()
    text = (ROOT / "docs" / "readers.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict[str, object] = {}
    exec(snippet.replace("/srv/cxw/published/current/cxw.duckdb", str(path)), names)
    connection = names["connection"]
    for forbidden in ("select * from glob('/*')", "set threads = 64", "create table x (a int)"):
        with pytest.raises(duckdb.Error):
            connection.execute(forbidden)
    connection.close()


@pytest.mark.fault(
    "S19",
    done="a package with another hash, offered to the installer",
    seen="refused; locks hold hashes and no addresses",
)
def test_installs_are_locked_by_hash(tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("--require-hashes") == 2
    for name in ("requirements.lock", "requirements-spark.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text and text.count("--hash=sha256:") >= text.count("==")
    wheel = tmp_path / "probe-1.0-py3-none-any.whl"
    info = "probe-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("probe.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(f"probe==1.0 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-index", "--find-links", str(tmp_path)]
    command += ["--require-hashes", "-r", str(wanted), "--target", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "Hash mismatch" in done.stderr


@pytest.mark.fault(
    "S21", done="the configuration of all four tools read", seen="telemetry off in each, written and in the environment"
)
def test_telemetry_is_off(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, landing=tmp_path / "landing")
    write_configuration(settings)
    dagster = yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())
    assert dagster["telemetry"] == {"enabled": False}
    dbt = yaml.safe_load((project.PROJECT / "dbt_project.yml").read_text())
    assert dbt["flags"]["send_anonymous_usage_stats"] is False
    words = dagster_environment(settings)
    assert words["DO_NOT_TRACK"] == "1" and words["GX_ANALYTICS_ENABLED"] == "false"
    assert words["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false" and words["DAGSTER_DISABLE_TELEMETRY"] == "1"


@pytest.mark.fault(
    "S21", done="every connection to the engine asked", seen="extensions are neither installed nor loaded by themselves"
)
def test_the_engine_downloads_nothing(home: Home, tmp_path: Path) -> None:
    from orchestration.reading_engine import Noticed, engine
    from orchestration.warehouse import DuckDBWarehouse

    asked = "select current_setting('autoinstall_known_extensions')"
    with DuckDBWarehouse(home.settings.warehouse_path, home.settings).connect() as connection:
        assert connection.execute(asked).fetchone() == (False,)
    with engine(home.contract, home.settings, tmp_path, Noticed()) as connection:
        assert connection.execute(asked).fetchone() == (False,)


@pytest.mark.fault("S12", done="environment, settings and run tags read", seen="no secret exists that could leak")
def test_there_is_no_secret(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*home.settings.environment(), *dagster_environment(home.settings)]
    assert not [
        name for name in names if re.search("(SECRET|PASSWORD|TOKEN|KEY)$", name)
    ]  # a key's file is not the key
    assert "CXW_PASSWORD" not in os.environ
