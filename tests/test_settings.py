"""Settings: where they come from, and that a mistake is named with its file, its key and the nearest valid name."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.errors import CxwError
from orchestration.settings import Settings, default_config, load_settings


def _load(home: Path, text: str = "", **environ: str) -> Settings:
    (home / "cxw.toml").write_text(text, encoding="utf-8")
    return load_settings(home, environ)


def test_written_defaults_are_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, default_config()) == Settings(home=tmp_path, landing=tmp_path / "landing")


def test_every_setting_is_written_with_its_meaning() -> None:
    text = default_config({"reporting_zone": "Europe/Berlin"})
    assert tomllib.loads(text)["reporting_zone"] == "Europe/Berlin"
    named = [line for line in text.splitlines() if " = " in line and not line.startswith(("#", "default ="))]
    explained = [line for line in text.splitlines() if line.startswith("# ")][1:]
    assert len(named) == len(explained)


def test_environment_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    text = 'reporting_currency = "GBP"\nactive_window_days = 60\n'
    settings = _load(tmp_path, text, CXW_ACTIVE_WINDOW_DAYS="45", WAREHOUSE_THREADS="9")
    assert (settings.reporting_currency, settings.active_window_days, settings.threads) == ("GBP", 45, 2)


def test_relative_landing_starts_at_home_unless_it_was_typed_in_a_shell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    assert _load(home, 'landing = "in"').landing == home / "in"
    assert _load(home, "", CXW_LANDING="in").landing == tmp_path / "in"


def test_values_take_their_types(tmp_path: Path) -> None:
    text = """
        margin_rate = 0.35
        earliest_date = 2010-05-01
        counted_order_statuses = ["paid", "shipped"]
        [service_level_threshold_seconds]
        default = 20
        voice = 30
    """
    settings = _load(tmp_path, text, CXW_SHORT_ABANDON_SECONDS="default=5, chat=9")
    assert settings.margin_rate == Decimal("0.35")
    assert settings.earliest_date == date(2010, 5, 1)
    assert settings.counted_order_statuses == ("paid", "shipped")
    assert settings.service_level_threshold_seconds == {"default": 20, "voice": 30}
    assert settings.short_abandon_seconds == {"default": 5, "chat": 9}
    environment = settings.environment()
    assert environment["WAREHOUSE_COUNTED_ORDER_STATUSES"] == "paid,shipped"
    assert environment["WAREHOUSE_SERVICE_LEVEL_THRESHOLD_SECONDS"] == "default=20,voice=30"
    assert not any(name.startswith("CXW_") for name in environment)


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ('reporting_currencie = "EUR"', "E-CFG-001", "nearest valid name is reporting_currency"),
        ("active_window_days = 0", "E-CFG-002", "cxw.toml active_window_days: impossible value: must be at least 1"),
        ("active_window_days = 1.5", "E-CFG-002", "whole number"),
        ("threads = true", "E-CFG-002", "whole number"),
        ("margin_rate = 1.2", "E-CFG-002", "must be at most 1"),
        ("margin_rate = 0.33333", "E-CFG-002", "at most four decimals"),
        ('margin_rate = "NaN"', "E-CFG-002", "margin_rate"),
        ('reporting_zone = "Europe/Berln"', "E-CFG-002", "reporting_zone"),
        ('reporting_currency = "euro"', "E-CFG-002", "three capital letters"),
        ('phone_region = "Germany"', "E-CFG-002", "two capital letters"),
        ('acquisition_model = "last"', "E-CFG-002", "last_touch"),
        ('counted_order_statuses = ["payed"]', "E-CFG-002", "nearest to what is there: paid"),
        ('attribution_touch_kinds = ["clicks"]', "E-CFG-002", "nearest to what is there: click"),
        ('earliest_date = "yesterday"', "E-CFG-002", "earliest_date"),
        ("short_abandon_seconds = {voice = 5}", "E-CFG-002", "needs a default"),
        ("short_abandon_seconds = {default = 5, fone = 5}", "E-CFG-002", "fone is not one of default, voice"),
        ("active_window_days = ", "E-CFG-002", "not valid TOML"),
        ('[source.crm]\nencoding = "cp1252"', "E-CFG-002", "[source.crm.<table>]"),
    ],
)
def test_mistake_in_the_file_names_file_and_key(tmp_path: Path, text: str, code: str, named: str) -> None:
    with pytest.raises(CxwError) as caught:
        _load(tmp_path, text)
    assert caught.value.code == code
    assert str(tmp_path / "cxw.toml") in str(caught.value)
    assert named in str(caught.value)


def test_unknown_variable_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CxwError, match="CXW_ACTIVE_WINDOW_DAYS"):
        load_settings(tmp_path, {"CXW_ACTIVE_WINDOWS_DAYS": "3"})


def test_wrong_variable_is_named_as_the_place(tmp_path: Path) -> None:
    with pytest.raises(CxwError, match="environment CXW_THREADS"):
        load_settings(tmp_path, {"CXW_THREADS": "many"})
