"""The Dagster graph as people see it: a golden file of keys, groups, dependencies, jobs and what starts them.

A rename or a lost edge is a visible diff. After a wanted change: `UPDATE_GOLDEN=1 pytest tests/test_definitions.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.contracts import configured_sources, load_contracts
from orchestration.crash_points import CrashPoint
from orchestration.definitions import build_definitions
from orchestration.lineage import phases_of
from orchestration.settings import load_settings

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden" / "asset_graph.json"
# Tests without an asset check, with the reason; `meta.check_results` and `cxw status --checks` show them all the same.
ONLY_IN_CHECK_RESULTS: dict[str, str] = {}


@pytest.fixture(scope="module")
def repository(tiny_site):
    return build_definitions(tiny_site.settings, tiny_site.manifest).get_repository_def()


def described(repository):
    graph = repository.asset_graph
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "after": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "kinds": sorted(graph.get(key).kinds),
            "owners": sorted(graph.get(key).owners),
            "is_partitioned": graph.get(key).is_partitioned,
        }
        for key in sorted(graph.get_all_asset_keys())
    }
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    everything = set(jobs["run_cycle"])
    return {
        "assets": assets,
        # A job is said by what it leaves out of the whole cycle when that is shorter.
        "jobs": {
            name: keys if len(keys) < len(everything) / 2 else {"all but": sorted(everything - set(keys))}
            for name, keys in sorted(jobs.items())
        },
        "schedules": {s.name: [s.job_name, s.cron_schedule, s.execution_timezone] for s in repository.schedule_defs},
        "sensors": {s.name: [s.job_name, s.minimum_interval_seconds] for s in repository.sensor_defs},
    }


def one_line_each(sections):
    """JSON with a line per entry, so that a diff shows the asset that changed."""
    parts = []
    for name, entries in sections.items():
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items()]
        parts.append(f' "{name}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def test_the_graph_is_the_golden_one(repository):
    now = one_line_each(described(repository))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(now)
    assert now == GOLDEN.read_text(), "the asset graph changed; if that is wanted: UPDATE_GOLDEN=1 pytest " + __file__


def test_every_dbt_node_is_built_by_exactly_one_phase(repository, tiny_site):
    nodes = tiny_site.manifest["nodes"]
    phases = phases_of(tiny_site.manifest)
    for unique_id, node in nodes.items():
        if node["resource_type"] not in ("model", "seed"):
            continue
        key = dg.AssetKey([node["schema"], node["name"]])
        is_configured = node["fqn"][1] != "staging" or node["fqn"][2] in tiny_site.sources
        if is_configured:
            assert repository.asset_graph.get(key).assets_def.op.name == f"build_{phases[unique_id]}"
        else:
            assert not repository.asset_graph.has(key)


def test_every_dbt_test_is_a_named_check_of_one_asset(repository, tiny_site):
    tests = [
        node
        for node in tiny_site.manifest["nodes"].values()
        if node["resource_type"] == "test" and node["fqn"][1:3] != ["staging", "online_retail"]
    ]
    names = [key.name for key in repository.asset_graph.asset_check_keys]
    missing = {test["name"] for test in tests if names.count(test["name"]) != 1}
    assert missing == set(ONLY_IN_CHECK_RESULTS)


def test_what_is_delivered_leads_from_the_landing_file_to_the_published_mart(repository):
    graph = repository.asset_graph
    above = graph.upstream_key_iterator(dg.AssetKey(["published", "mart_orders__day"]))
    assert dg.AssetKey(["landing", "ecommerce", "order_lines"]) in set(above)


def test_whatever_writes_is_in_the_pool_of_one(repository):
    nodes = {
        node.name: node.definition.pool
        for job in repository.get_all_jobs()
        for node in job.graph.nodes
        if not job.name.startswith("__")
    }
    assert set(nodes.values()) == {"warehouse"}


def test_only_sources_of_the_site_are_in_the_graph(tiny_site, tmp_path):
    (tmp_path / "landing" / "crm").mkdir(parents=True)
    settings = load_settings(tmp_path, {})
    assert configured_sources(load_contracts(tiny_site.manifest, settings), settings) == ("crm",)
    graph = build_definitions(settings, tiny_site.manifest).get_repository_def().asset_graph
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert "crm" in groups
    assert groups.isdisjoint({"ecommerce", "online_retail", "survey"})


def test_importing_the_definitions_reads_nothing(tmp_path):
    code = "import orchestration.definitions, sys; print('great_expectations' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CXW_HOME": str(tmp_path / "nowhere")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "False"
    assert not (tmp_path / "nowhere").exists()


def test_every_step_that_writes_names_the_points_where_it_may_be_killed(repository, tiny_site):
    """`tests/faults/crashes.py` kills a cycle at each; a delivered table passes intake, reading and door."""
    graph = repository.asset_graph
    steps = {graph.get(key).assets_def.node_def.name for key in graph.executable_asset_keys}
    steps -= {name.replace(".", "__") for name in tiny_site.contracts}
    assert len(steps) >= 6
    assert steps <= {point.partition(".")[0] for point in CrashPoint}
