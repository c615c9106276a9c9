"""Contracts: what loading refuses, what every delivered table must say of itself, and that staging keeps its shape."""

from __future__ import annotations

import copy
import csv
import re
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import yaml
from contract_files import GENERIC_SOURCES, PROJECT, STAGING, contracts, manifest

from orchestration.contracts import configured_sources, load_contracts
from orchestration.errors import CxwError
from orchestration.settings import Settings
from orchestration.warehouse import LINEAGE_COLUMNS, quote

CONTRACTS = contracts()
COLUMNS = [(contract, column) for contract in CONTRACTS.values() for column in contract.columns]
GENERIC = {contract.table: contract for contract in CONTRACTS.values() if contract.source in GENERIC_SOURCES}
STAGING_MODELS = sorted(STAGING.rglob("stg_*.sql"))
SEEDS = PROJECT / "seeds"


# --- loading ---


def _load(change: dict[str, Any] | None = None, override: dict[str, Any] | None = None) -> Any:
    """`crm.contacts` with other entries under `config.meta`, or with a site's overrides."""
    node = copy.deepcopy(manifest()["sources"]["source.cx_warehouse.crm.contacts"])
    node["config"]["meta"] |= change or {}
    settings = Settings(home=Path("/srv/cxw"), source_overrides={"crm.contacts": override} if override else {})
    return load_contracts({"sources": {"contacts": node}}, settings)["crm.contacts"]


def test_override_of_a_site_wins_and_leaves_the_rest() -> None:
    contract = _load(override={"encoding": "cp1252", "aliases": {"E-Mail": "email"}, "null_tokens": ["--"]})
    assert (contract.extract.encoding, contract.extract.null_tokens) == ("cp1252", ("--",))
    assert (contract.extract.version_column, contract.extract.aliases) == ("updated_at", {"E-Mail": "email"})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"primary_keys": ["contact_id"]}, "unknown key primary_keys; nearest: primary_key"),
        ({"primary_key": []}, "primary_key is empty"),
        ({"primary_key": ["contact"]}, "contact is not a column; nearest: contact_id"),
        ({"extract": {"moed": "append"}}, "unknown key moed; nearest: mode"),
        ({"extract": {"mode": "full"}}, "mode must be one of incremental, append, snapshot"),
        ({"extract": {"version_column": "updated"}}, "updated is not a column; nearest: updated_at"),
        ({"extract": {"position_key": "line"}}, "line is not a column"),
        ({"extract": {"aliases": {"Mail": "e_mail"}}}, "e_mail is not a column; nearest: email"),
        ({"extract": {"aliases": ["Mail"]}}, "aliases must map"),
        ({"extract": {"null_tokens": "--"}}, "null_tokens must be a list of text"),
        ({"extract": {"max_rejected_rows": -1}}, "max_rejected_rows must be a whole number that is not negative"),
        ({"extract": {"max_rejected_rate": True}}, "max_rejected_rate must be a number"),
        ({"extract": {"required": "yes"}}, "required must be true or false"),
        ({"extract": {"zone": "Berlin"}}, "zone is no zone that exists"),
        ({"extract": {"encoding": "latin-99"}}, "encoding is no encoding that exists"),
        ({"extract": {"delimiter": "||"}}, "delimiter must be one character"),
        ({"extract": {"pattern": r"(\d{8}"}}, "pattern is no regular expression"),
        ({"extract": {"pattern": r"\d{8}"}}, "pattern needs a group named date"),
    ],
)
def test_wrong_entry_names_file_table_and_key(change: dict[str, Any], named: str) -> None:
    with pytest.raises(CxwError) as caught:
        _load(change)
    assert caught.value.code == "E-CFG-004"
    assert "models/staging/crm/_crm__sources.yml crm.contacts" in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"data_type": "text"}, "data_type text is not one of varchar"),
        ({"data_type": None}, "data_type (none)"),
        ({"config": {"meta": {"requird": True}}}, "unknown key requird; nearest: required"),
        ({"config": {"meta": {"pii": "secret"}}}, "pii must be one of direct, quasi, none"),
    ],
)
def test_wrong_column_entry_names_the_column(entry: dict[str, Any], named: str) -> None:
    node = copy.deepcopy(manifest()["sources"]["source.cx_warehouse.crm.contacts"])
    node["columns"]["email"] |= entry
    with pytest.raises(CxwError) as caught:
        load_contracts({"sources": {"contacts": node}}, Settings(home=Path("home")))
    assert "crm.contacts.email" in str(caught.value)
    assert named in str(caught.value)


def test_wrong_override_names_the_site_s_file() -> None:
    with pytest.raises(
        CxwError, match=r"/srv/cxw/cxw.toml \[source.crm.contacts\]: unknown key encodin; nearest: encoding"
    ):
        _load(override={"encodin": "cp1252"})


def test_override_of_no_table_names_the_nearest() -> None:
    settings = Settings(home=Path("home"), source_overrides={"crm.contact": {"encoding": "cp1252"}})
    with pytest.raises(CxwError, match=r"nearest: crm\.contacts") as caught:
        contracts(settings)
    assert caught.value.code == "E-CFG-003"


def test_sources_are_those_that_landing_has_or_the_site_names(tmp_path: Path) -> None:
    for folder in ("crm", "survey", "notes"):
        (tmp_path / folder).mkdir()
    assert configured_sources(CONTRACTS, Settings(home=tmp_path, landing=tmp_path)) == ("crm", "survey")
    assert configured_sources(CONTRACTS, Settings(home=tmp_path, landing=tmp_path / "none")) == ()
    assert configured_sources(CONTRACTS, Settings(home=tmp_path, sources=("survey",))) == ("survey",)
    with pytest.raises(CxwError, match="surveys has no contract; nearest: survey"):
        configured_sources(CONTRACTS, Settings(home=tmp_path, sources=("surveys",)))


# --- house rules: a stranger's data dictionary ---


def test_the_generic_layer_has_its_seventeen_tables() -> None:
    assert sorted(GENERIC) == sorted(
        [
            "contacts",
            "accounts",
            "leads",
            "opportunities",
            "interactions",
            "cases",
            "agents",
            "customers",
            "orders",
            "order_lines",
            "refunds",
            "sessions",
            "spend",
            "touchpoints",
            "responses",
            "costs",
            "exchange_rates",
        ]
    )


def test_every_contract_and_column_is_described_in_sentences() -> None:
    undescribed = [
        name
        for name, text in [
            *((contract.name, contract.description) for contract in CONTRACTS.values()),
            *((f"{contract.name}.{column.name}", column.description) for contract, column in COLUMNS),
        ]
        if len(text.split()) < 2 or not text.strip().endswith(".")
    ]
    assert not undescribed


def test_every_contract_has_an_owner_and_keys_that_must_be_filled() -> None:
    for contract in CONTRACTS.values():
        assert contract.owner.startswith("team:"), contract.name
        for name in contract.primary_key:
            assert contract.column(name).is_required or name == contract.extract.position_key, f"{contract.name}.{name}"


def test_any_table_can_say_that_a_row_is_deleted() -> None:
    for contract in CONTRACTS.values():
        column = contract.column("is_deleted")
        assert (column.data_type, column.is_required) == ("boolean", False), contract.name


def test_types_follow_from_names() -> None:
    for contract, column in COLUMNS:
        expected = next(
            (
                data_type
                for pattern, data_type in {
                    r".*_id$": "varchar",
                    r".*_at$": "timestamp",
                    r".*_date$": "date",
                    r".*_amount$|^amount$": "decimal(18,4)",
                    r"^rate_.*reporting$": "decimal(18,10)",
                    r"^quantity$": "decimal(18,6)",
                    r".*_seconds$|.*_count$": "bigint",
                    r"^(is|has)_.*": "boolean",
                }.items()
                if re.match(pattern, column.name)
            ),
            column.data_type,
        )
        assert column.data_type == expected, f"{contract.name}.{column.name}"


def test_personal_data_is_marked() -> None:
    direct = re.compile(r"email|phone|first_name|last_name|comment")
    persons = re.compile(r"^(.*_)?(contact|customer|lead|account|loyalty|agent)_id$|country_code")
    for contract, column in COLUMNS:
        place = f"{contract.name}.{column.name}"
        if direct.search(column.name):
            assert column.pii == "direct", place
        # an advertising account is no person
        elif persons.search(column.name) and contract.name != "marketing.spend":
            assert column.pii == "quasi", place


# --- staging ---


def _entity(path: Path) -> str:
    return path.stem.rpartition("__")[2]


@pytest.mark.parametrize("path", STAGING_MODELS, ids=lambda path: path.stem)
def test_staging_is_two_ctes_and_a_select(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    assert re.findall(r"^(?:with )?(\w+) as \($", sql, re.MULTILINE) == ["source", "renamed"]
    assert sql.rstrip().splitlines()[-1] == "select * from renamed"
    assert path.stem.startswith(f"stg_{path.parent.name}__")


def test_staging_outputs_the_canonical_columns_in_order() -> None:
    """Runs every staging model on empty tables of its contract."""
    connection = duckdb.connect()
    for contract in CONTRACTS.values():
        spelled = {column.name: column.data_type for column in contract.columns} | LINEAGE_COLUMNS
        columns = ", ".join(f"{quote(name)} {data_type}" for name, data_type in spelled.items())
        connection.execute(f"create schema if not exists {quote(contract.schema)}")
        connection.execute(f"create table {quote(contract.schema)}.{quote(contract.table)} ({columns})")
    for seed in SEEDS.glob("*.csv"):
        connection.execute(
            f"create table {quote(seed.stem)} as select * from read_csv(?, all_varchar = true)", [str(seed)]
        )
        for column, data_type in _seed_types().get(seed.stem, {}).items():
            connection.execute(f"alter table {quote(seed.stem)} alter {quote(column)} type {data_type}")
    waiting = {path.stem: path for path in STAGING_MODELS}
    while waiting:
        ready = [name for name, path in waiting.items() if not set(waiting) - {name} & set(_refs(path))]
        assert ready, f"staging models that wait for each other: {sorted(waiting)}"
        for name in ready:
            connection.execute(f"create view {quote(name)} as {_render(waiting.pop(name))}")
    for path in STAGING_MODELS:
        contract = GENERIC.get(_entity(path))
        if contract is None:  # an adapter's own step, not an entity
            continue
        described = connection.execute(f"describe {quote(path.stem)}").fetchall()
        names = [row[0] for row in described]
        assert names == ["source_system", "id_namespace", *(column.name for column in contract.columns)], path.stem
        if path.parent.name in GENERIC_SOURCES:
            types = [row[1].lower() for row in described[2:]]
            assert types == [column.data_type for column in contract.columns], path.stem


def _refs(path: Path) -> list[str]:
    return re.findall(r"ref\('(\w+)'\)", path.read_text(encoding="utf-8"))


def _render(path: Path) -> str:
    class Dbt:
        @staticmethod
        def type_string() -> str:
            return "varchar"

    return jinja2.Template(path.read_text(encoding="utf-8")).render(
        source=lambda source, table: f"{quote(f'raw_{source}')}.{quote(table)}", ref=quote, dbt=Dbt()
    )


# --- seeds ---


def _seed_entries() -> list[dict[str, Any]]:
    return [seed for path in SEEDS.glob("_*.yml") for seed in yaml.safe_load(path.read_text(encoding="utf-8"))["seeds"]]


def _seed_types() -> dict[str, dict[str, str]]:
    return {seed["name"]: seed["config"]["column_types"] for seed in _seed_entries()}


def _seed_rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CHANNELS = [row["marketing_channel"] for row in _seed_rows("marketing_channels")]
CANONICAL = {
    "map_marketing_channels": CHANNELS,
    "map_order_statuses": [
        "pending",
        "authorized",
        "paid",
        "shipped",
        "completed",
        "partially_refunded",
        "refunded",
        "cancelled",
        "failed",
    ],
    "map_lead_statuses": ["new", "working", "nurture", "qualified", "disqualified", "converted"],
    "map_case_statuses": ["new", "open", "pending", "on_hold", "resolved", "closed", "cancelled", "merged"],
    "map_case_priorities": ["urgent", "high", "normal", "low"],
    "map_interaction_channels": ["voice", "chat", "email", "messaging", "social", "self_service"],
    "map_interaction_directions": ["inbound", "outbound", "internal"],
    "map_line_types": ["product", "shipping", "fee", "gift_card"],
}


def test_every_seed_has_its_columns_described() -> None:
    described = {seed["name"]: seed for seed in _seed_entries()}
    for path in SEEDS.glob("*.csv"):
        header = list(_seed_rows(path.stem)[0])
        seed = described[path.stem]
        assert [column["name"] for column in seed["columns"]] == header == list(seed["config"]["column_types"])
        assert all(column["description"].strip().endswith(".") for column in (seed, *seed["columns"])), path.stem


def test_no_vendor_word_means_two_things() -> None:
    for path in SEEDS.glob("map_*.csv"):
        rows = _seed_rows(path.stem)
        key = ("utm_source", "utm_medium") if path.stem == "map_utm_channels" else tuple(rows[0])[:1]
        words = [tuple(row[column] for column in key) for row in rows]
        assert len(set(words)) == len(words), path.stem
        assert all(any(word) for word in words), path.stem


def test_paid_channels_are_those_of_the_definition() -> None:
    paid = {row["marketing_channel"] for row in _seed_rows("marketing_channels") if row["is_paid"] == "true"}
    assert paid == {"paid_search", "paid_social", "paid_shopping", "display", "video", "affiliate", "other_paid"}
    assert set(CHANNELS) - paid == {
        "email",
        "sms",
        "organic_search",
        "organic_social",
        "direct",
        "referral",
        "offline",
        "other",
        "unmapped",
    }


@pytest.mark.parametrize("name", CANONICAL)
def test_vendor_words_map_to_ours_and_ours_to_themselves(name: str) -> None:
    rows = [tuple(row.values()) for row in _seed_rows(name)]
    words = [word for word, _ in rows]
    assert set(CANONICAL[name]) == {ours for _, ours in rows}
    assert {(ours, ours) for ours in CANONICAL[name]} <= set(rows)
    assert len(words) == len(set(words)), "a word that maps twice would double its rows"
    assert all(word == word.strip().lower() for word in words), "values are looked up in lower case"


def test_utm_marks_map_once_to_a_channel() -> None:
    rows = _seed_rows("map_utm_channels")
    marks = [(row["utm_source"], row["utm_medium"]) for row in rows]
    assert len(marks) == len(set(marks))
    assert {row["marketing_channel"] for row in rows} <= set(CHANNELS)
    assert all(source or medium for source, medium in marks)
    assert all(word == word.strip().lower() for mark in marks for word in mark)
