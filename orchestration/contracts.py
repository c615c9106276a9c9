"""Typed view of the contracts: the dbt sources, as the manifest holds them, with a site's overrides.

Lives here: what one delivered table looks like (columns, types, keys) and how its files are read (`ExtractSettings`).
Does not live here: the contracts themselves (`dbt_project/models/staging/<source>/_<source>__sources.yml`), reading
files (`extracts.py`). An unknown key is an error that names file and key.
"""

from __future__ import annotations

import codecs
import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.errors import CxwError
from orchestration.settings import Settings

DATA_TYPES = (
    "varchar",
    "boolean",
    "bigint",
    "date",
    "timestamp",
    "decimal(18,4)",  # money
    "decimal(18,6)",  # quantities
    "decimal(18,10)",  # exchange rates
)
Mode = Literal["incremental", "append", "snapshot"]
PII_CLASSES = ("direct", "quasi", "none")


@dataclass(frozen=True)
class Column:
    """One contracted column. `accepted_values` are checked by the suites, not here."""

    name: str
    data_type: str
    description: str
    is_required: bool = False  # config.meta.required: a null or blank value rejects the row
    pii: Literal["direct", "quasi", "none"] = "none"
    allows_date_only: bool = False  # a timestamp may arrive without a clock: midnight in `zone`


@dataclass(frozen=True)
class ExtractSettings:
    """How files of one table are read: `config.meta.extract` in the contract, `[source.x.y]` in cxw.toml.

    `aliases` maps a delivered header to a contract column. `position_key` names a column that the file does not
    carry: its value is the row's position among the rows of the same `position_within` columns, from 1, in file
    order (for vendors that number nothing). `zone` is the zone of timestamps without offset ("" = reject them).
    """

    mode: Mode = "incremental"
    version_column: str = ""
    cadence: Literal["daily", "weekly", "monthly", "irregular"] = "daily"
    pattern: str = ""  # regular expression with group `date` and optional group `revision`; "" = the house pattern
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    decimal_comma: bool = False
    thousands_separator: str = ""
    date_format: str = ""  # strptime format of dates and timestamps; "" = ISO 8601
    zone: str = ""
    preamble_lines: int = 0
    has_trailer: bool = False  # the last line holds the row count
    manifest: str = ""  # suffix of a side file that holds the row count, e.g. ".count"
    null_tokens: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    position_key: str = ""
    position_within: tuple[str, ...] = ()
    max_rejected_rows: int = 10
    max_rejected_rate: float = 0.01
    required: bool = False  # a missing or refused delivery holds the publish
    on_same_name: Literal["revise", "refuse"] = "revise"
    on_extra_column: Literal["warn", "refuse"] = "warn"
    max_vanished_rate: float = 0.05  # snapshot mode: more keys gone than this holds the delivery


@dataclass(frozen=True)
class Contract:
    """One delivered table. `name` is `<source>.<table>`; the key of every row in force is `primary_key`."""

    source: str
    table: str
    description: str
    owner: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    extract: ExtractSettings
    path: str  # YAML file, for messages
    is_generated: bool = False  # demo tables made by the seeded generator say so everywhere
    suite_version: str = ""  # of the rules that judge its rows at the door: other rules read its files again

    @property
    def name(self) -> str:
        return f"{self.source}.{self.table}"

    @property
    def schema(self) -> str:
        """Schema of the rows in force in the build database; the dbt source's schema."""
        return f"raw_{self.source}"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


_TABLE_META = {"extract", "primary_key", "owner", "generated"}
_COLUMN_META = {"required", "pii", "allows_date_only"}


def load_contracts(manifest: Mapping[str, Any], settings: Settings) -> dict[str, Contract]:
    """Contracts of every landed dbt source in the manifest, by `<source>.<table>`, in name order.

    A dbt source is a landed table when its `config.meta.extract` exists (the `meta` and `identity` sources that
    the pipeline itself writes have none).

    Raises:
        CxwError: E-CFG-004 for an unknown or impossible entry; E-CFG-003 for an override of no known table.
    """
    contracts = {}
    for node in manifest["sources"].values():
        meta = node.get("config", {}).get("meta") or node.get("meta") or {}
        if "extract" in meta:
            contract = _contract(node, meta, settings)
            if contract.source in settings.generated_sources:
                contract = dataclasses.replace(contract, is_generated=True)
            contracts[contract.name] = contract
    for name in settings.source_overrides:
        if name not in contracts:
            raise CxwError(
                "E-CFG-003", f"[source.{name}] is no table of a contract; nearest: {_nearest(name, contracts)}",
                where=str(settings.config_path),
            )  # fmt: skip
    return dict(sorted(contracts.items()))


def configured_sources(contracts: Mapping[str, Contract], settings: Settings) -> tuple[str, ...]:
    """Sources that this site has: the setting `sources`, else every source with a folder below landing.

    Raises:
        CxwError: E-CFG-003 for a name without a contract.
    """
    known = {contract.source for contract in contracts.values()}
    if settings.sources:
        for name in settings.sources:
            if name not in known:
                raise CxwError(
                    "E-CFG-003", f"source {name} has no contract; nearest: {_nearest(name, known)}", where="sources"
                )
        return tuple(sorted(settings.sources))
    if not settings.landing.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in settings.landing.iterdir() if entry.is_dir() and entry.name in known))


def _contract(node: Mapping[str, Any], meta: Mapping[str, Any], settings: Settings) -> Contract:
    path, name = node["original_file_path"], f"{node['source_name']}.{node['name']}"
    _refuse_unknown(meta, _TABLE_META, f"{path} {name} config.meta")
    columns = tuple(_column(column, f"{path} {name}") for column in node["columns"].values())
    names = [column.name for column in columns]
    primary_key = tuple(meta.get("primary_key", ()))
    extract = dataclasses.replace(
        ExtractSettings(**_extract_entries(meta["extract"], f"{path} {name} config.meta.extract")),
        **_extract_entries(settings.source_overrides.get(name, {}), f"{settings.config_path} [source.{name}]"),
    )
    named = [extract.version_column, extract.position_key, *extract.position_within, *extract.aliases.values()]
    for used in (*primary_key, *filter(None, named)):
        if used not in names:
            raise CxwError(
                "E-CFG-004", f"{used} is not a column; nearest: {_nearest(used, names)}", where=f"{path} {name}"
            )
    if not primary_key:
        raise CxwError("E-CFG-004", "config.meta.primary_key is empty", where=f"{path} {name}")
    return Contract(
        source=node["source_name"],
        table=node["name"],
        description=node["description"],
        owner=meta.get("owner", ""),
        columns=columns,
        primary_key=primary_key,
        extract=extract,
        path=path,
        is_generated=bool(meta.get("generated", False)),
    )


def _column(entry: Mapping[str, Any], where: str) -> Column:
    meta = entry.get("config", {}).get("meta") or entry.get("meta") or {}
    where = f"{where}.{entry['name']}"
    _refuse_unknown(meta, _COLUMN_META, f"{where} config.meta")
    if meta.get("pii", "none") not in PII_CLASSES:
        raise CxwError("E-CFG-004", f"pii must be one of {', '.join(PII_CLASSES)}", where=f"{where} config.meta")
    data_type = (entry.get("data_type") or "").lower()
    if data_type not in DATA_TYPES:
        raise CxwError(
            "E-CFG-004", f"data_type {data_type or '(none)'} is not one of {', '.join(DATA_TYPES)}", where=where
        )
    return Column(
        name=entry["name"],
        data_type=data_type,
        description=entry.get("description", ""),
        is_required=bool(meta.get("required", False)),
        pii=meta.get("pii", "none"),
        allows_date_only=bool(meta.get("allows_date_only", False)),
    )


def _extract_entries(entries: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Entries of `ExtractSettings`, checked, wherever they were written."""
    hints = typing.get_type_hints(ExtractSettings)
    _refuse_unknown(entries, hints, where)
    values: dict[str, Any] = {}
    for name, value in entries.items():
        if wrong := _wrong_entry(name, hints[name], value):
            raise CxwError("E-CFG-004", f"{name} {wrong}", where=where)
        values[name] = tuple(value) if typing.get_origin(hints[name]) is tuple else value
    return values


def _wrong_entry(name: str, kind: Any, value: Any) -> str:
    """What is wrong with a value of an extract setting; empty when nothing is."""
    origin = typing.get_origin(kind)
    if origin is Literal:
        return "" if value in typing.get_args(kind) else f"must be one of {', '.join(typing.get_args(kind))}"
    if kind in (int, float):
        is_number = isinstance(value, (int, kind)) and not isinstance(value, bool) and value >= 0
        return "" if is_number else f"must be a {'whole ' if kind is int else ''}number that is not negative"
    if kind is bool:
        return "" if isinstance(value, bool) else "must be true or false"
    if origin is tuple:
        return (
            "" if isinstance(value, list) and all(isinstance(item, str) for item in value) else "must be a list of text"
        )
    if kind is not str:
        is_map = isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())
        return "" if is_map else "must map delivered headers to columns"
    if not isinstance(value, str):
        return "must be text"
    return _wrong_text(name, value)


def _wrong_text(name: str, value: str) -> str:
    try:
        if name == "encoding":
            codecs.lookup(value)
        elif name == "zone" and value:
            ZoneInfo(value)
        elif name == "pattern" and value and "date" not in re.compile(value).groupindex:
            return "needs a group named date"
    except (LookupError, re.error, ZoneInfoNotFoundError, ValueError):
        return f"is no {name} that exists" if name != "pattern" else "is no regular expression"
    if (name == "delimiter" and len(value) != 1) or (name == "quote" and len(value) > 1):
        return "must be one character"
    return ""


def _refuse_unknown(entries: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in entries:
        if name not in known:
            raise CxwError("E-CFG-004", f"unknown key {name}; nearest: {_nearest(name, known)}", where=where)


def _nearest(name: str, valid: Iterable[str]) -> str:
    return (difflib.get_close_matches(name, list(valid), n=1, cutoff=0.0) or ["none"])[0]
