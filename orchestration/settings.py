"""One frozen, typed object for everything a site can set.

Lives here: names, defaults and meaning of the settings, `cxw.toml`, `CXW_<NAME>` variables, the paths below
`CXW_HOME`. Does not live here: what a delivered table looks like (`contracts.py`, from the dbt sources).
Precedence: environment, then `cxw.toml`, then the defaults below.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.errors import CxwError
from orchestration.setting_values import (
    ABANDON_POLICIES,
    ATTRIBUTION_MODELS,
    ORDER_STATUSES,
    TOUCH_KINDS,
    parse_value,
    to_text,
    to_toml,
)

CONFIG_NAME = "cxw.toml"


def _setting(default: Any, doc: str, **rules: Any) -> Any:
    metadata = {"doc": doc, **rules}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What a site can set. Every field but `home` and `source_overrides` is a key of `cxw.toml`.

    Durations carry their unit in the name; rates are fractions; `source_overrides` holds the
    `[source.<name>.<table>]` tables, checked by `contracts.py`.
    """

    home: Path
    landing: Path = _setting(Path("landing"), "folder of delivered files; a relative path starts at the home folder")
    reporting_zone: str = _setting("UTC", "time zone of every business date (IANA name)", check="zone")
    reporting_currency: str = _setting("EUR", "ISO 4217 code of every *_amount column", check="currency")
    sources: tuple[str, ...] = _setting((), "sources to read; empty = every source folder that exists under landing")
    generated_sources: tuple[str, ...] = _setting(
        (), "sources whose rows were invented (a demo): every table and page that shows them says so"
    )
    # intake
    settle_seconds: int = _setting(
        5, "a file is complete when unchanged for this long (or beside a .done file)", minimum=0
    )
    earliest_date: date = _setting(date(2000, 1, 1), "timestamps before this day are rejected")
    max_compressed_bytes: int = _setting(4_000_000_000, "largest delivered file", minimum=1)
    max_expanded_bytes: int = _setting(40_000_000_000, "largest file after decompression", minimum=1)
    max_compression_ratio: int = _setting(100, "expanded to compressed bytes, above this a file is refused", minimum=1)
    max_rows: int = _setting(200_000_000, "most rows in one file", minimum=1)
    max_line_bytes: int = _setting(1_000_000, "longest row of a text file", minimum=100)
    max_columns: int = _setting(500, "most columns in one file", minimum=1)
    max_json_depth: int = _setting(32, "deepest nesting of a JSON line", minimum=1)
    max_file_seconds: int = _setting(900, "longest time one file may take", minimum=1)
    # identity
    max_records_per_identifier: int = _setting(
        10, "an e-mail, phone or card on more records of a table, under more than two names, is shared", minimum=1
    )
    max_records_per_customer: int = _setting(50, "a customer of more records than this is listed", minimum=1)
    max_records_gained: int = _setting(
        10, "a customer who gains more records than this between two snapshots is listed", minimum=1
    )
    phone_region: str = _setting(
        "", "country of phone numbers without one (ISO 3166 alpha-2); empty = they do not link", check="region"
    )
    email_hash_key_file: str = _setting(
        "", "key file of `cxw identity new-key`: publishes keyed hashes of addresses for joins; empty = none"
    )
    has_probabilistic_matching: bool = _setting(False, "compare records that share no identifier (extra `identity`)")
    match_threshold: Decimal = _setting(Decimal("0.8"), "pairs at least this probable are one person", maximum=1)
    review_threshold: Decimal = _setting(Decimal("0.2"), "less probable pairs, down to here, are reviewed", maximum=1)
    # metrics
    counted_order_statuses: tuple[str, ...] = _setting(
        ("paid", "shipped", "completed", "partially_refunded", "refunded"),
        "statuses of an order that counts",
        choices=ORDER_STATUSES,
    )
    active_window_days: int = _setting(90, "a customer with an order in this many days is active", minimum=1)
    margin_rate: Decimal = _setting(Decimal("0.40"), "margin of a line whose unit cost is unknown", maximum=1)
    discount_rate: Decimal = _setting(
        Decimal("0.10"), "yearly rate at which predicted purchases are discounted, quarter by quarter", maximum=1
    )
    retention_teams: tuple[str, ...] = _setting(
        (), "teams of the cost ledger who keep customers; their costs are retention, not acquisition, in customer_roi"
    )
    attribution_window_days: int = _setting(30, "touches this long before a conversion count", minimum=0)
    attribution_touch_kinds: tuple[str, ...] = _setting(
        ("click", "visit", "call", "store_visit", "self_reported"),
        "touchpoint kinds that are touches",
        choices=TOUCH_KINDS,
    )
    time_decay_half_life_days: int = _setting(7, "half-life of the time_decay model", minimum=1)
    acquisition_model: str = _setting(
        "first_touch", "model that labels acquisition channels", choices=ATTRIBUTION_MODELS
    )
    service_level_threshold_seconds: Mapping[str, int] = _setting(
        {"default": 20}, "answered within this many seconds meets the service level; per service channel"
    )
    short_abandon_seconds: Mapping[str, int] = _setting(
        {"default": 10}, "abandoned after at most this many seconds is a short abandon; per service channel"
    )
    abandon_policy: str = _setting("ignore_in_threshold", "denominator of service_level_rate", choices=ABANDON_POLICIES)
    repeat_contact_window_days: int = _setting(
        7, "a further contact within this many times 24 h is a repeat", minimum=1
    )
    minimum_publishable_responses: int = _setting(30, "survey scores on fewer answers stay null", minimum=1)
    # machine
    memory_limit: str = _setting("2GB", "memory of the warehouse engine (keep it below 60 % of the machine)")
    threads: int = _setting(2, "threads of the warehouse engine", minimum=1)
    snapshots_kept: int = _setting(14, "published snapshots kept for rollback", minimum=1)
    snapshot_grace_seconds: int = _setting(
        3600, "an expired snapshot lives at least this long for its readers", minimum=0
    )
    schedule_cron: str = _setting("0 6 * * *", "when the daily cycle ticks, in the reporting zone")
    look_seconds: int = _setting(
        60, "how often the daemon looks for new files and for what is not published", minimum=1
    )
    freshness_hours: int = _setting(36, "older snapshots, and older last days of a daily table, are red", minimum=1)
    has_login_proxy: bool = _setting(
        False, "a proxy with a login stands before the web page: `cxw ui --host` may open it"
    )
    source_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    # The one map of the house: every path that the code uses is a property here.
    @property
    def config_path(self) -> Path:
        return self.home / CONFIG_NAME

    @property
    def raw_objects(self) -> Path:
        """Immutable delivered bytes, `<first two hex>/<sha256>`."""
        return self.home / "raw" / "objects"

    @property
    def typed(self) -> Path:
        """Typed Parquet: `<source>/<table>/extract_date=D/<sha256>-r<revision>.parquet`."""
        return self.home / "raw" / "typed"

    @property
    def quarantine(self) -> Path:
        """Rejected rows with file, line, column, rule: `<source>/<table>/<extract date>-<sha256>.parquet`."""
        return self.home / "quarantine"

    @property
    def ledger_path(self) -> Path:
        return self.home / "ledger.sqlite"

    @property
    def build(self) -> Path:
        return self.home / "build"

    @property
    def warehouse_path(self) -> Path:
        return self.build / "warehouse.duckdb"

    @property
    def matching_state_path(self) -> Path:
        """What the matcher scored before: hashes and levels, made again when it is gone."""
        return self.build / "matching.duckdb"

    @property
    def published(self) -> Path:
        return self.home / "published"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def dbt_target(self) -> Path:
        """Where dbt writes: manifest, partial parse state, run results."""
        return self.home / "dbt"

    @property
    def email_hash_key_path(self) -> Path | None:
        """Key of the published e-mail hashes; a relative path starts at the home folder. None when not wanted."""
        return self.home / Path(self.email_hash_key_file).expanduser() if self.email_hash_key_file else None

    @property
    def daemon_lock_path(self) -> Path:
        """Held (flock) by the one `cxw ui` of this home; its text names the holder."""
        return self.home / "ui.lock"

    @property
    def lock_path(self) -> Path:
        """Held (flock) by the one writer of this home; its text names the holder."""
        return self.home / "writer.lock"

    def environment(self) -> dict[str, str]:
        """The settings as `WAREHOUSE_<NAME>`: what the dbt macros `setting()` and `setting_list()` read.

        Not `CXW_<NAME>`: a child process would take those for a person's wish and never see cxw.toml change.
        Tuples are comma-separated; per-channel maps are `default=20,voice=30`.
        """
        variables = {}
        for spec in _setting_fields():
            variables[f"WAREHOUSE_{spec.name.upper()}"] = to_text(getattr(self, spec.name))
        return variables


def _parse(spec: Any, value: Any, where: str) -> Any:
    return parse_value(typing.get_type_hints(Settings)[spec.name], spec.metadata, value, where)


def _setting_fields() -> list[Any]:
    return [spec for spec in fields(Settings) if spec.name not in ("home", "source_overrides")]


def load_settings(home: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read `cxw.toml` and the environment.

    Args:
        home: the state folder; default `$CXW_HOME`, else `.cxw` in the working folder.
        environ: the environment; default the process's own.

    Raises:
        CxwError: E-CFG-001 for an unknown name, E-CFG-002 for an impossible value; names file and key.
    """
    environ = os.environ if environ is None else environ
    home = Path(home or environ.get("CXW_HOME") or ".cxw").expanduser().resolve()
    path = home / CONFIG_NAME
    table: dict[str, Any] = {}
    if path.exists():
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CxwError("E-CFG-002", f"not valid TOML: {error}", where=str(path)) from error
    overrides = _source_overrides(table.pop("source", {}), path)
    known = {spec.name: spec for spec in _setting_fields()}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise _unknown(name, [*known, "source"], str(path))
        values[name] = _parse(known[name], value, f"{path} {name}")
    for variable, text in environ.items():
        name = variable.removeprefix("CXW_").lower()
        if not variable.startswith("CXW_") or name == "home":
            continue
        if name not in known:
            raise _unknown(variable, [f"CXW_{other.upper()}" for other in known], "environment")
        values[name] = _parse(known[name], text, f"environment {variable}")
    if "CXW_LANDING" in environ:  # typed in a shell, so it starts where the shell stands
        values["landing"] = values["landing"].expanduser().absolute()
    values["landing"] = (home / values.get("landing", Path("landing")).expanduser()).resolve()
    return Settings(home=home, source_overrides=overrides, **values)


def _source_overrides(section: Any, path: Path) -> dict[str, dict[str, Any]]:
    """`[source.crm.contacts] encoding = "cp1252"` becomes {"crm.contacts": {"encoding": "cp1252"}}."""
    overrides: dict[str, dict[str, Any]] = {}
    if not isinstance(section, dict):
        raise CxwError("E-CFG-002", "`source` must be a table [source.<name>.<table>]", where=str(path))
    for source, tables in section.items():
        for table, entries in tables.items() if isinstance(tables, dict) else [("", None)]:
            if not isinstance(entries, dict):
                raise CxwError(
                    "E-CFG-002", f"[source.{source}] needs a table name: [source.{source}.<table>]", where=str(path)
                )
            overrides[f"{source}.{table}"] = entries
    return overrides


def _unknown(name: str, valid: list[str], where: str) -> CxwError:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.0)
    return CxwError("E-CFG-001", f"unknown setting {name}; the nearest valid name is {near[0]}", where=where)


def default_config(values: Mapping[str, Any] | None = None) -> str:
    """Text of a `cxw.toml` with every setting, its default and its meaning; `values` replace defaults."""
    values = values or {}
    lines = ["# CX Warehouse settings. CXW_<NAME> in the environment wins over this file.", ""]
    tables: list[str] = []
    for spec in _setting_fields():
        default = spec.default_factory() if spec.default_factory is not MISSING else spec.default
        value = values.get(spec.name, default)
        if isinstance(value, Mapping):
            tables += ["", f"[{spec.name}]  # {spec.metadata['doc']}", *(f"{k} = {v}" for k, v in value.items())]
        else:
            lines += [f"# {spec.metadata['doc']}", f"{spec.name} = {to_toml(value)}"]
    return "\n".join(lines + tables) + "\n"
