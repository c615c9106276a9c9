"""`cxw` as a person or a scheduler meets it: words, exit codes, and nothing loaded that is not needed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration import cli, lease, snapshots
from orchestration.errors import CATALOGUE, CxwError
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Publish

ROOT = Path(__file__).parent.parent
HEAVY = ("dagster", "dbt", "great_expectations", "pandas", "pyarrow", "duckdb")
COMMANDS = (
    *("init", "demo", "run", "backfill", "rebuild", "status", "query", "ui", "errors"),
    *("quarantine list", "quarantine show", "quarantine replay", "quarantine release"),
    *("snapshots list", "snapshots rollback"),
    *("gaps list", "gaps accept"),
    *("explain customer", "identity list"),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CXW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def cxw(capsys, tmp_path):
    """Run a command in this process: exit code, output, errors."""

    def run(*arguments, home=tmp_path):
        with pytest.raises(SystemExit) as end:
            cli.main(["--home", str(home), *map(str, arguments)])
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    yield run
    os.environ.pop("CXW_HOME", None)


def modules_after(*arguments):
    code = (
        "import sys\nfrom orchestration.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    print('exit', end.code)\n"
        "print('loaded', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True, env=environment
    )
    *said, loaded = run.stdout.strip().splitlines()
    return said, set(loaded.split())


@pytest.fixture
def taken_in(tiny_home, tiny_site, site_at):
    """A home that has taken in the tiny extracts and parsed the project; nothing is built."""
    shutil.copytree(tiny_site.settings.dbt_target, tiny_home.dbt_target)
    with Ledger(tiny_home.ledger_path) as ledger:
        for contract in site_at(tiny_home).contracts.values():
            ingest(contract, tiny_home, ledger)
    return tiny_home


@pytest.fixture
def published(taken_in, site_at):
    """The same home after a publish, as ledger and pointer have it."""
    site = site_at(taken_in)
    with Ledger(taken_in.ledger_path) as ledger:
        snapshot_id = snapshots.new_snapshot_id(taken_in, site.sources, ledger)
        version = snapshot_id.partition("-")[2]
        ledger.record_publish(Publish(snapshot_id, version, "2026-04-02T06:00:00+00:00", "", "published"))
    folder = taken_in.published / snapshot_id
    folder.mkdir(parents=True)
    (folder / "cxw.duckdb").write_bytes(b"")
    digest = hashlib.sha256(b"").hexdigest()
    described = {"published_at": "2026-04-02T06:00:00+00:00", "database_sha256": digest, "tables": []}
    (folder / "manifest.json").write_text(json.dumps(described))
    (taken_in.published / "current").symlink_to(snapshot_id)
    return taken_in


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, cxw):
    code, out, _ = cxw(*command.split(), "--help")
    assert code == 0
    assert len(out.split("Options:")[0].strip().splitlines()) >= 3


def test_help_names_every_command_whole_and_loads_nothing(cxw):
    _, out, _ = cxw("--help")
    assert not [line for line in out.splitlines() if line.endswith("...") and "ARGS" not in line]
    assert all(command.split()[0] in out for command in COMMANDS)
    assert modules_after("--help")[1].isdisjoint({*HEAVY, "rich", "sqlite3"})


def test_an_empty_cycle_loads_neither_dagster_nor_dbt_nor_expectations(published):
    said, loaded = modules_after("--home", published.home, "run")
    assert said[-1] == "exit 0"
    assert "nothing to take in, nothing to build" in said[0]
    assert loaded.isdisjoint({"dagster", "dbt", "great_expectations"})
    assert len(snapshots.list_snapshots(published)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run", "--nonsense"),
        ("backfill", "--from", "2026-01-01"),
        ("backfill", "--from", "01/02/2026", "--to", "2026-01-01"),
        ("gaps", "accept", "crm.contacts", "yesterday", "--why", "x"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, cxw):
    code, _, err = cxw(*arguments)
    assert code == 2
    assert "Usage" in err


def test_a_wrong_setting_ends_with_2_and_the_nearest_name(cxw, tmp_path):
    (tmp_path / "cxw.toml").write_text("reporting_curency = 'EUR'\n")
    code, _, err = cxw("run")
    assert code == 2
    assert "reporting_currency" in err
    assert "Traceback" not in err


def test_init_writes_a_home_once_and_refuses_impossible_values(cxw, tmp_path):
    assert cxw("init", "--currency", "pounds")[0] == 2
    assert not (tmp_path / "cxw.toml").exists()
    code, out, _ = cxw("init", "--currency", "GBP", "--zone", "Europe/London")
    assert (code, "wrote" in out) == (0, True)
    assert 'reporting_currency = "GBP"' in (tmp_path / "cxw.toml").read_text()
    assert (tmp_path / "landing").is_dir()
    assert "kept" in cxw("init")[1]


def test_a_second_writer_ends_with_3_and_the_holders_name(taken_in):
    with lease.hold(taken_in, "the nightly run"):
        said = subprocess.run(
            [
                sys.executable,
                "-c",
                "from orchestration.cli import main; main()",
                "--home",
                taken_in.home,
                "run",
                "--no-wait",
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert said.returncode == 3
    assert "E-RUN-001" in said.stderr
    assert "the nightly run" in said.stderr


def test_status_of_a_home_that_published_nothing(cxw, taken_in):
    code, out, _ = cxw("status", "--json", home=taken_in.home)
    status = json.loads(out)
    assert code == 3
    assert (status["snapshot_id"], status["is_stale"], status["problems"]) == (None, True, [])
    orders = next(table for table in status["tables"] if table["table"] == "ecommerce.orders")
    assert (orders["observed_through"], orders["rows_in"], orders["missing_dates"]) == ("2026-04-01", 15, [])


def test_what_is_open_is_named_with_the_next_command_until_it_is_accepted(cxw, taken_in, site_at):
    orders = taken_in.landing / "ecommerce" / "orders"
    (orders / "orders_2026-04-03.csv").write_text("order_id,ordered_at,status,currency_code,updated_at\n")
    (orders / "orders_2026-04-02.csv").write_text("nothing,that,fits\n1,2,3\n")
    site = site_at(taken_in)
    with Ledger(taken_in.ledger_path) as ledger:
        ingest(site.contracts["ecommerce.orders"], taken_in, ledger)
    _, out, _ = cxw("status", home=taken_in.home)
    assert "open: orders_2026-04-02.csv refused: E-LND-016" in out
    assert "2 dates missing: 2026-04-02, 2026-04-03. Next: deliver, or `cxw gaps accept" in out
    _, listed, _ = cxw("quarantine", "list", home=taken_in.home)
    (line,) = [line for line in listed.splitlines() if "orders_2026-04-02.csv" in line]
    assert "refused" in line
    number = line.split()[0]
    assert "required columns are missing" in cxw("quarantine", "show", number, home=taken_in.home)[1]
    assert cxw("gaps", "accept", "all", "2026-04-02", "--why", "a holiday", home=taken_in.home)[0] == 0
    accepted = cxw("gaps", "list", home=taken_in.home)[1]
    assert accepted.count("a holiday") == len(site.contracts)
    assert "orders_2026-04-02.csv" not in cxw("status", home=taken_in.home)[1]
    assert cxw("gaps", "accept", "crm.nothing", "2026-04-02", "--why", "x", home=taken_in.home)[0] == 2


def test_rejected_rows_are_shown_by_place_and_rule_and_their_text_only_on_request(cxw, taken_in, site_at):
    orders = taken_in.landing / "ecommerce" / "orders"
    row = "{0},2026-04-02T10:00:00Z,paid,EUR,2026-04-02T10:00:00Z\n"
    bad = "S-3CR3T,the day before,paid,EUR,2026-04-02T10:00:00Z\n"
    (orders / "orders_2026-04-02.csv").write_text(
        "order_id,ordered_at,status,currency_code,updated_at\n" + row.format(71) + bad + row.format(72)
    )
    with Ledger(taken_in.ledger_path) as ledger:
        ingest(site_at(taken_in).contracts["ecommerce.orders"], taken_in, ledger)
        number = ledger.deliveries()[-1].sequence
    _, out, _ = cxw("quarantine", "show", number, home=taken_in.home)
    assert "1 rejected" in out
    assert "ordered_at" in out
    assert "S-3CR3T" not in out
    assert "S-3CR3T" in cxw("quarantine", "show", number, "--values", home=taken_in.home)[1]
    assert cxw("quarantine", "show", "0000", home=taken_in.home)[0] == 2


def test_snapshots_are_listed_and_an_unknown_one_is_refused(cxw, published):
    current = snapshots.current_snapshot(published)
    assert f"*  {current}" in cxw("snapshots", "list", home=published.home)[1]
    code, _, err = cxw("snapshots", "rollback", "000009-beef", home=published.home)
    assert (code, "E-PUB-002" in err) == (2, True)


def test_the_catalogue_can_be_asked(cxw):
    _, out, _ = cxw("errors")
    assert all(code in out for code in CATALOGUE)
    assert cxw("errors", "e-run-001")[1].startswith("E-RUN-001")


def test_an_unexpected_error_is_one_sentence_without_its_words(cxw, monkeypatch, tmp_path):
    def fail(*arguments):
        raise ValueError("ada@example.org is in this message")

    monkeypatch.setattr("orchestration.settings.load_settings", fail)
    code, out, err = cxw("status")
    assert code == 3
    assert "E-RUN-003 ValueError" in err
    assert "example.org" not in out + err


def test_debug_shows_where_an_error_came_from(monkeypatch, tmp_path):
    with pytest.raises(CxwError):
        cli.main(["--debug", "--home", str(tmp_path), "query", "select 1"])
    os.environ.pop("CXW_HOME", None)
