"""The house rules that no linter knows: layers, names, descriptions, ratios with their parts, one fact in one home."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "dbt_project" / "models"
SQL = {path.stem: path.read_text(encoding="utf-8") for path in MODELS.rglob("*.sql")}
LAYER = {path.stem: path.relative_to(MODELS).parts[0] for path in MODELS.rglob("*.sql")}
MAY_READ = {
    "staging": {"source", "seed", "staging"},
    "conformed": {"source", "seed", "staging", "conformed"},
    "core": {"source", "seed", "conformed", "core"},
    "marts": {"source", "core", "marts"},
}
NAMES = {
    "staging": r"stg_[a-z0-9_]+__[a-z0-9_]+",
    "conformed": r"int_[a-z0-9_]+__[a-z0-9_]+",
    "core": r"(dim|fct)_[a-z0-9_]+|customer_(identities|key_history|links|email_hashes)"
    r"|identity_(findings|models|review_pairs)",
    "marts": r"mart_[a-z0-9_]+__[a-z0-9_]+",
}
# Waivers are data with a reason.
MAY_ALSO_READ = {
    "int_attribution__paths": "a path leads from touches to a counted order, and only core knows which orders count",
    "int_clv__purchase_groups": "a purchase history is one of counted orders",
    "int_attribution__null_paths": "a path that did not convert belongs to somebody without a counted order",
    "int_attribution__credits": "a counted order without any touch is unattributed",
}
MAY_USE_DOUBLES = {
    "fct_lifespan_curves": "survival is a product of shares, taken over logarithms; it leaves with 12 decimals",
    "int_attribution__credits": "half-lives and Markov weights are real numbers; credits leave as whole millionths",
    "fct_cost_allocations": "shares of a cost; amounts leave as whole ten-thousandths that sum to the ledger",
    "fct_customer_predictions": "expectations of a model are real numbers; amounts are rounded in the mart",
    "mart_conversion__channel_month": "a median of whole days can end in a half",
    "mart_retention__month": "the product of three published ratios",
    "mart_kpis__month": "one column for values of every unit",
}
# Sources that marts and core may read: what the pipeline itself writes, never a delivered table.
PIPELINE_SOURCES = {"meta_input", "identity_output", "attribution_output", "clv_output"}
FORBIDDEN_COLUMNS = {"cpa", "clv", "fcr", "retention", "cac", "ltv", "aht", "asa", "total", "value_amount", "price"}
DOCS = set(
    re.findall(r"{% docs (\w+) %}", "\n".join(path.read_text(encoding="utf-8") for path in MODELS.rglob("*.md")))
)


def _yaml_models(layer: str) -> dict[str, dict]:
    found = {}
    for path in (MODELS / layer).rglob("_*.yml"):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            found[model["name"]] = model
    return found


MARTS, CORE = _yaml_models("marts"), _yaml_models("core")


@pytest.mark.parametrize("name", sorted(SQL))
def test_models_read_only_the_layers_below_them(name: str) -> None:
    for parent in re.findall(r"ref\('(\w+)'\)", SQL[name]):
        is_below = LAYER.get(parent, "seed") in MAY_READ[LAYER[name]]
        assert is_below or (name in MAY_ALSO_READ and LAYER[parent] == "core"), f"{name} reads {parent}"
    for source in re.findall(r"source\('(\w+)'", SQL[name]):
        assert LAYER[name] == "staging" or source in PIPELINE_SOURCES, f"{name} reads delivered {source}"


@pytest.mark.parametrize("name", sorted(SQL))
def test_models_are_named_for_their_layer(name: str) -> None:
    assert re.fullmatch(NAMES[LAYER[name]], name)


@pytest.mark.parametrize("name", sorted(SQL))
def test_models_are_portable(name: str) -> None:
    text = re.sub(r"--[^\n]*", "", SQL[name])
    assert "target." not in text, "engine branches belong in macros/engine"
    assert "::" not in text, "casts are spelled cast(… as …)"
    assert name in MAY_USE_DOUBLES or not re.search(r"\bas (float|double|real)\b", text), "floats only in ratio()"
    outside_jinja = re.sub(r"{[{%].*?[%}]}", "", text, flags=re.S)
    assert '"' not in outside_jinja, "a double-quoted name is a string on Spark"
    assert "current_date" not in text and "now()" not in text, "a model never reads the clock"


@pytest.mark.parametrize("name", sorted({**MARTS, **CORE}))
def test_every_published_column_is_described(name: str) -> None:
    model = {**MARTS, **CORE}[name]
    assert model["description"].strip()
    for column in model["columns"]:
        assert column.get("description", "").strip(), f"{name}.{column['name']}"
        for doc in re.findall(r"doc\('(\w+)'\)", column["description"]):
            assert doc in DOCS, f"{name}.{column['name']} names a doc block that does not exist"


@pytest.mark.parametrize("name", sorted(MARTS))
def test_marts_say_what_they_read_who_owns_them_and_carry_their_snapshot(name: str) -> None:
    meta = MARTS[name]["config"]["meta"]
    assert meta["reads"] and meta["owner"] and meta["grain"]
    columns = [column["name"] for column in MARTS[name]["columns"]]
    assert columns[-2:] == ["snapshot_id", "as_of_date"]
    assert set(meta["grain"]) <= set(columns)
    assert all(column.get("data_type") for column in MARTS[name]["columns"]), "a contract needs every type"
    assert (ROOT / "expectations" / "marts" / f"{name}.yml").exists(), "value rules leaving"


@pytest.mark.parametrize("name", sorted(MARTS))
def test_no_bare_metric_names(name: str) -> None:
    assert not FORBIDDEN_COLUMNS & {column["name"] for column in MARTS[name]["columns"]}


@pytest.mark.parametrize("name", sorted(MARTS))
def test_ratios_ship_with_their_parts(name: str) -> None:
    columns = {column["name"]: column for column in MARTS[name]["columns"]}
    for column in columns.values():
        metric = column.get("config", {}).get("meta", {}).get("metric")
        if column["data_type"] != "double" or not metric:
            continue
        parts = re.split(r"\s+/\s+", metric["formula"])
        if len(parts) == 2:
            words = set(re.findall(r"[a-z][a-z0-9_]+", metric["formula"]))
            assert words & set(columns), f"{name}.{column['name']}: no part of {metric['formula']!r} is a column"


@pytest.mark.parametrize("name", sorted(MARTS))
def test_rates_and_values_have_a_doc_block(name: str) -> None:
    for column in MARTS[name]["columns"]:
        if re.search(r"_rate(_|$)|customer_lifetime_value|acquisition_cost|cost_per_", column["name"]):
            assert "doc('" in column["description"], f"{name}.{column['name']}"


def test_published_columns_hold_no_direct_identifier() -> None:
    direct = {"email", "customer_email", "phone", "customer_phone", "first_name", "last_name", "comment"}
    for name, model in {**MARTS, **CORE}.items():
        assert not direct & {column["name"] for column in model["columns"]}, name


def test_metric_doc_blocks_follow_one_order() -> None:
    for path in (MODELS / "marts").rglob("_*__docs.md"):
        for name, body in re.findall(
            r"{% docs (metric_\w+) %}(.*?){% enddocs %}", path.read_text(encoding="utf-8"), re.S
        ):
            heads = [body.find(head) for head in ("Formula", "Grain", "Window", "Not", "Owner")]
            assert -1 not in heads and heads == sorted(heads), f"{path.name} {name}"


MODULES = sorted((ROOT / "orchestration").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_are_small_and_say_what_lives_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "a module begins by saying what lives there"
    assert len(text.splitlines()) <= 300
    assert path.stem not in {"utils", "helpers", "common", "manager"}


# Dagster's side of the house: assets, jobs, the instance; and the commands, which start them.
SPEAKS_DAGSTER = {
    *("automation", "definitions", "event_log", "execution", "ingestion", "instance", "publication", "quality"),
    *(
        "transformation",
        "writer",
        "cli",
        "cli_explain",
        "cli_identity",
        "cli_records",
        "operations",
        "screens",
        "ui",
        "__init__",
    ),
}


def test_the_import_rule_names_every_other_module() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    modules = {path.stem for path in (ROOT / "orchestration").glob("*.py")}
    assert set(rules[0]["source_modules"]) == {f"orchestration.{name}" for name in modules - SPEAKS_DAGSTER}


def test_the_error_catalogue_holds_exactly_the_codes_in_use() -> None:
    from orchestration.errors import CATALOGUE

    used: set[str] = set()
    for path in MODULES:
        if not path.stem.startswith("errors"):
            used |= set(re.findall(r"[EW]-[A-Z]{2,3}-\d{3}", path.read_text(encoding="utf-8")))
    assert used - set(CATALOGUE) == set(), "codes that nobody explains"
    assert set(CATALOGUE) - used == set(), "codes that nobody raises"


def test_the_gate_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test " in readme and "make test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_locks_have_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-spark.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        for block in re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", text)):
            assert "--hash=sha256:" in block, block[:60]
