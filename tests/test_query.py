"""What a reader of the published file can do: look at the marts, and nothing else."""

import csv
import io
import json

import duckdb
import pytest

from orchestration import screens
from orchestration.errors import CxwError
from orchestration.query import ask, connect_published
from orchestration.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    settings = load_settings(tmp_path, {"CXW_MEMORY_LIMIT": "300MB"})
    folder = settings.published / "000001-abc"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "cxw.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.money as select -1.50::decimal(18,4) as amount, '=1+1' as note, null as nothing,"
            " date '2026-04-01' as day"
        )
        connection.execute("create table marts.many as select i, md5(i::varchar) as text from range(2000000) r(i)")
    (settings.published / "current").symlink_to("000001-abc")
    return settings


@pytest.mark.parametrize(
    "forbidden",
    [
        "select * from read_text('/etc/hostname')",
        "select * from glob('/*')",
        "copy marts.money to '/tmp/stolen.csv'",
        "attach '/tmp/other.db'",
        "create table marts.mine (a int)",
        "delete from marts.money",
        "set memory_limit = '8GB'",
        "set enable_external_access = true",
        "reset lock_configuration",
        "install httpfs",
        "load httpfs",
    ],
)
def test_nothing_but_looking_is_allowed(settings, forbidden):
    with pytest.raises(CxwError, match="E-QRY-001"):
        ask(settings, forbidden)


def test_a_query_larger_than_its_memory_still_ends(settings):
    grouped = ask(settings, "select count(*) from (select text, count(*) as n from marts.many group by text)")
    assert grouped.rows == ((2_000_000,),)


def test_a_reader_keeps_its_snapshot_while_the_pointer_moves(settings):
    with connect_published(settings) as reader:
        settings.published.joinpath("current").unlink()
        settings.published.joinpath("current").symlink_to("000002-def")
        assert reader.execute("select count(*) from marts.money").fetchone() == (1,)


def test_before_the_first_publish_the_next_command_is_named(tmp_path):
    with pytest.raises(CxwError, match=r"E-PUB-004.*cxw run"):
        ask(load_settings(tmp_path, {}), "select 1")


def test_csv_defuses_text_and_leaves_numbers_alone(settings, capsys):
    screens.show_answer(ask(settings, "from marts.money"), "csv", 0)
    _, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert row == ["-1.5000", "'=1+1", "", "2026-04-01"]


def test_json_keeps_every_digit(settings, capsys):
    screens.show_answer(ask(settings, "select amount, nothing from marts.money"), "json", 0)
    assert json.loads(capsys.readouterr().out) == {"amount": "-1.5000", "nothing": None}
